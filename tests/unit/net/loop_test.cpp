#include "net/loop.hpp"

#include <sys/socket.h>

#include <catch2/catch.hpp>

#include <memory>
#include <thread>

#include "net/byte_stream.hpp"

using namespace trunkline::net;
using namespace std::chrono_literals;

namespace {

/// A client that is closed unless something came from it in time.
class Watched final : public PollHandler {
  public:
    Watched(Loop& loop, Clock::duration patience) : loop_(loop) {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
        ours_ = ByteStream(ends[0]);
        theirs_ = ByteStream(ends[1]);
        boost::system::error_code ec;
        token_ = loop.poller().add(ours_.descriptor(), *this, ec);
        loop.schedule(deadline_, Clock::now() + patience);
    }
    ~Watched() override { loop_.poller().remove(token_); }

    void speak() { theirs_.write_some(std::array{std::string_view("x")}); }
    bool was_heard() const { return was_heard_; }
    bool is_late() const { return is_late_; }

  private:
    void on_ready(std::uint32_t) override {
        char byte = 0;
        was_heard_ = was_heard_ || ours_.read_some({&byte, 1}).bytes == 1;
    }
    void on_deadline(Clock::time_point) { is_late_ = !was_heard_; }

    Loop& loop_;
    ByteStream ours_, theirs_;
    Poller::Token token_;
    MemberHook<&Watched::on_deadline> deadline_{*this};
    bool was_heard_ = false;
    bool is_late_ = false;
};

}  // namespace

TEST_CASE("Loop: after it was held up, what came in time is not late", "[net][loop]") {
    Loop loop;
    loop.run_for(0ms);
    std::vector<std::unique_ptr<Watched>> clients;
    for (int i = 0; i < 3 * Poller::kEventsPerTurn; ++i) clients.push_back(std::make_unique<Watched>(loop, 150ms));
    for (int i = 0; i < 10; ++i) loop.run_for(1ms);  // their first edges: writable
    for (const auto& client : clients) client->speak();
    std::this_thread::sleep_for(400ms);  // the process does not run
    for (int i = 0; i < 10; ++i) loop.run_for(10ms);
    int late = 0, heard = 0;
    for (const auto& client : clients) {
        late += client->is_late() ? 1 : 0;
        heard += client->was_heard() ? 1 : 0;
    }
    CHECK(late == 0);
    CHECK(heard == 3 * Poller::kEventsPerTurn);
}
