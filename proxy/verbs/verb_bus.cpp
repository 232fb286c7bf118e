#include "proxy/verbs/verb_bus.hpp"

#include <cstdint>
#include <utility>

namespace trunkline::proxy {

/// What one worker posted in one turn. Shared by those who receive it.
struct VerbBus::Block {
    struct Verb {
        std::uint32_t upstream_bytes;
        std::uint32_t body_bytes;
    };

    std::string bytes;  // upstream and body of each verb, one behind the other
    std::vector<Verb> verbs;
};

/// Where the verbs of one worker leave and arrive.
class VerbBus::Stop final : public net::TurnHook {
  public:
    Stop(const std::vector<std::unique_ptr<Stop>>& all, net::Loop& loop, Receive receive)
        : all_(all), loop_(loop), receive_(std::move(receive)), mailbox_([this] { loop_.post([this] { drain(); }); }) {}

    bool has_room() const noexcept { return waiting_bytes_.load(std::memory_order_relaxed) <= kMaxWaitingBytes; }
    bool has_left() const noexcept { return has_left_.load(std::memory_order_relaxed); }

    void leave() {
        has_left_.store(true, std::memory_order_relaxed);
        mailbox_.close();
    }

    void post(std::string_view upstream, protocol::Bytes body) {
        if (!out_) out_ = std::make_shared<Block>();
        out_->bytes.append(upstream).append(body);
        out_->verbs.push_back({static_cast<std::uint32_t>(upstream.size()), static_cast<std::uint32_t>(body.size())});
        for_each_other([&](Stop& other) { other.count(upstream.size() + body.size()); });
        loop_.touch(*this);
    }

    template <class F>
    void for_each_other(F f) {
        for (const auto& other : all_) {
            if (other.get() != this && !other->has_left()) f(*other);
        }
    }

  private:
    void on_turn_end() override {
        const std::shared_ptr<const Block> block = std::exchange(out_, nullptr);
        for_each_other([&](Stop& other) { static_cast<void>(other.mailbox_.push(block)); });  // false: it has just left
    }

    void count(std::size_t bytes) noexcept { waiting_bytes_.fetch_add(bytes, std::memory_order_relaxed); }

    void drain() {
        mailbox_.drain([this](std::shared_ptr<const Block>&& block) {
            std::string_view rest = block->bytes;
            for (const auto [upstream_bytes, body_bytes] : block->verbs) {
                if (has_left()) return;
                receive_(rest.substr(0, upstream_bytes), rest.substr(upstream_bytes, body_bytes));
                rest.remove_prefix(std::size_t{upstream_bytes} + body_bytes);
            }
            waiting_bytes_.fetch_sub(block->bytes.size(), std::memory_order_relaxed);
        });
    }

    // The worker's.
    const std::vector<std::unique_ptr<Stop>>& all_;
    net::Loop& loop_;
    const Receive receive_;
    std::shared_ptr<Block> out_;  // of this turn; null while nothing was posted in it

    // Shared.
    net::Mailbox<std::shared_ptr<const Block>> mailbox_;
    std::atomic<std::size_t> waiting_bytes_{0};  // posted for it, and not yet received
    std::atomic<bool> has_left_{false};
};

VerbBus::VerbBus(std::size_t workers) : stops_(workers) {}

VerbBus::~VerbBus() = default;

void VerbBus::join(std::size_t worker, net::Loop& loop, Receive receive) {
    stops_[worker] = std::make_unique<Stop>(stops_, loop, std::move(receive));
}

void VerbBus::leave(std::size_t worker) { stops_[worker]->leave(); }

bool VerbBus::post(std::size_t worker, std::string_view upstream, protocol::Bytes body) {
    bool has_room = true;
    stops_[worker]->for_each_other([&](const Stop& other) { has_room = has_room && other.has_room(); });
    if (has_room) stops_[worker]->post(upstream, body);
    return has_room;
}

}  // namespace trunkline::proxy
