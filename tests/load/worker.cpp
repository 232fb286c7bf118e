#include "tests/load/worker.hpp"

#include <sys/epoll.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "net/resolve.hpp"

namespace trunkline::load {
namespace {

constexpr std::int64_t kLongestWaitNs = 10'000'000;
constexpr std::size_t kPortsPerAddress = 20'000;

std::int64_t thread_cpu_ns() {
    timespec at{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
}

/// One address has only some 28,000 ports to each destination; loopback has many addresses.
net::SocketAddress source_of(const net::SocketAddress& to, std::uint32_t client) {
    const auto endpoint = to.to_endpoint();
    if (!endpoint.is_local() || to.family() != AF_INET) return {};
    const auto number = static_cast<std::uint32_t>(client / kPortsPerAddress) + 1;
    return *net::SocketAddress::of(
        net::Endpoint::tcp("127.1." + std::to_string(number / 250) + "." + std::to_string(1 + number % 250), 0));
}

}  // namespace

std::int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

void Client::on_open() { worker.on_open(*this); }
void Client::on_message(std::string_view payload) { worker.on_message(*this, payload); }
void Client::on_closed() { worker.on_closed(*this); }

Worker::Worker(const Options& options, const Profile& profile, Shared& shared, std::uint32_t first, std::uint32_t step,
               std::uint32_t end)
    : options_(options), profile_(profile), shared_(shared), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw std::system_error(errno, std::system_category(), "epoll_create1");
    for (const Url& url : options.urls) {
        const auto endpoint = net::resolve_without_lookup(net::Endpoint::tcp(url.host, url.port));
        targets_.push_back(*net::SocketAddress::of(*endpoint));  // the command line was checked
    }
    for (std::uint32_t id = first; id < end; id += step) {
        const auto slot = static_cast<std::uint32_t>(clients_.size());
        clients_.push_back(std::make_unique<Client>(*this, id, slot));
        to_connect_.push_back(slot);
    }
    handshakes_at_most_ = std::max<std::size_t>(1, options.concurrency / step);
}

// --- The loop ---

void Worker::run() {
    connect_began_ns_ = now_ns();
    connect_cpu_ns_ = thread_cpu_ns();
    std::int64_t cpu_from = 0;
    std::int64_t wall_from = 0;
    while (true) {
        const auto now = now_ns();
        const Phase phase = shared_.phase.load(std::memory_order_acquire);
        if (phase != phase_) on_phase(phase, now);
        if (phase == Phase::ended) break;
        if (wall_from == 0 && is_measured(now)) {
            cpu_from = thread_cpu_ns();
            wall_from = now;
        }
        if (wall_from > 0 && !is_measured(now)) {
            result_.own_cpu = static_cast<double>(thread_cpu_ns() - cpu_from) / static_cast<double>(now - wall_from);
            wall_from = -1;
        }
        connect_more(now);
        if (phase == Phase::settling) look_if_settled(now);
        turn();
        tell_latency(now);
    }
    for (const auto& client : clients_) client->socket.close();
}

void Worker::turn() {
    auto wait = kLongestWaitNs;
    if (!times_.empty()) wait = std::clamp<std::int64_t>(times_.top().at_ns - now_ns(), 0, wait);
    std::array<epoll_event, 256> events;
    const timespec timeout{0, wait};
    const int n = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    const auto begin = now_ns();
    for (int i = 0; i < n; ++i) {
        Client& client = *clients_[events[static_cast<std::size_t>(i)].data.u32];
        const bool upgrades = client.socket.state() == SocketState::connecting;
        client.socket.on_events(events[static_cast<std::size_t>(i)].events,
                                upgrades ? request_head(client) : std::string(), client, client.reads);
    }
    while (!times_.empty() && times_.top().at_ns <= now_ns()) {
        Client& client = *clients_[times_.top().slot];
        times_.pop();
        if (client.socket.state() == SocketState::open) profile_.on_due(client, now_ns());
    }
    const auto end = now_ns();
    if (is_measured(begin)) result_.busy.record(end - begin);
}

void Worker::on_phase(Phase phase, std::int64_t now) {
    phase_ = phase;
    if (phase == Phase::running) {
        for (const auto& client : clients_) {
            if (client->socket.state() == SocketState::open) profile_.begin(*client, now);
        }
    }
    if (phase == Phase::settling) shared_.quiet.fetch_add(1, std::memory_order_acq_rel);
    if (phase == Phase::leaving) {
        to_connect_.clear();
        for (const auto& client : clients_) {
            if (client->socket.state() != SocketState::open) continue;
            client->socket.close();
            to_connect_.push_back(client->slot);
        }
        next_to_connect_ = 0;
        is_back_ = true;
        connect_began_ns_ = now;
        connect_cpu_ns_ = thread_cpu_ns();
        handshakes_at_most_ = to_connect_.size();
    }
}

void Worker::look_if_settled(std::int64_t now) {
    constexpr std::int64_t kEveryNs = 100'000'000;  // it is a walk over all clients
    const Logs* logs = shared_.logs.load(std::memory_order_acquire);
    if (logs == nullptr || is_settled_ || now - looked_ns_ < kEveryNs) return;
    looked_ns_ = now;
    for (const auto& client : clients_) {
        if (client->joined_ns != Client::kNever && profile_.judge(*client, *logs).missing != 0) return;
    }
    is_settled_ = true;
    shared_.settled.fetch_add(1, std::memory_order_relaxed);
}

// --- Connecting ---

void Worker::connect_more(std::int64_t now) {
    while (next_to_connect_ < to_connect_.size() && handshakes_ < handshakes_at_most_) {
        Client& client = *clients_[to_connect_[next_to_connect_]];
        if (!is_back_ && options_.ramp.count() > 0) {
            const double share = static_cast<double>(client.id) / static_cast<double>(options_.clients);
            if (now < connect_began_ns_ + static_cast<std::int64_t>(share * static_cast<double>(options_.ramp.count())))
                break;
        }
        ++next_to_connect_;
        start(client, now_ns());
    }
    // Those that get no answer: begun in this order, so the first are the oldest.
    std::size_t done = 0;
    for (const auto slot : under_way_) {
        Client& client = *clients_[slot];
        const bool waits = client.socket.state() == SocketState::connecting ||
                           client.socket.state() == SocketState::upgrading ||
                           (client.socket.state() == SocketState::open && client.joined_ns == Client::kNever);
        if (waits && now - client.connecting_ns < options_.connect_timeout.count()) break;
        ++done;
        if (!waits) continue;
        const bool was_open = client.socket.state() == SocketState::open;
        client.socket.close(was_open ? CloseWhy::no_join : CloseWhy::timeout);
        on_closed(client);
    }
    under_way_.erase(under_way_.begin(), under_way_.begin() + static_cast<std::ptrdiff_t>(done));
}

void Worker::start(Client& client, std::int64_t now) {
    const auto& to = targets_[client.id % targets_.size()];
    client.connecting_ns = now;
    client.joined_ns = client.left_ns = Client::kNever;
    client.reads = true;
    ++handshakes_;
    under_way_.push_back(client.slot);
    if (!client.socket.connect(source_of(to, client.id), to)) return on_closed(client);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | static_cast<std::uint32_t>(EPOLLET);
    event.data.u32 = client.slot;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client.socket.fd(), &event) != 0) {
        client.socket.close(CloseWhy::cannot_connect);
        on_closed(client);
    }
}

std::string Worker::request_head(const Client& client) const {
    const Url& url = options_.urls[client.id % options_.urls.size()];
    std::string path = url.path;
    const auto query = profile_.query(client);
    if (!query.empty()) path += (path.find('?') == path.npos ? "?" : "&") + query;
    return "GET " + path + " HTTP/1.1\r\nHost: " + url.host + ":" + std::to_string(url.port) +
           "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

void Worker::on_open(Client& client) {
    const auto now = now_ns();
    (is_back_ ? result_.reconnect : result_.connect).record(now - client.connecting_ns);
    if (!profile_.joins()) ready(client, now);
}

void Worker::ready(Client& client, std::int64_t now) {
    client.joined_ns = now;
    client.reads = profile_.reads(client);
    --handshakes_;
    shared_.connected.fetch_add(1, std::memory_order_relaxed);
    const auto took = static_cast<double>(now - connect_began_ns_);
    (is_back_ ? result_.reconnect_seconds : result_.connect_seconds) = took / 1e9;
    result_.own_connect_cpu = static_cast<double>(thread_cpu_ns() - connect_cpu_ns_) / took;
    if (!is_back_) ++result_.connected;
    if (phase_ == Phase::running && !is_back_) profile_.begin(client, now);
}

void Worker::on_closed(Client& client) {
    const bool was_ready = client.joined_ns != Client::kNever;
    client.left_ns = std::min(client.left_ns, now_ns());
    if (!was_ready) {
        --handshakes_;
        result_.not_connected.add(client.socket.why(), client.socket.code());
        shared_.failed.fetch_add(1, std::memory_order_relaxed);
    } else if (!profile_.reads(client)) {
        ++result_.slow_closed;
    } else {
        result_.closed.add(client.socket.why(), client.socket.code());
        shared_.errors.fetch_add(1, std::memory_order_relaxed);
    }
}

// --- Messages ---

Second& Worker::second_at(std::int64_t now) {
    const auto from = shared_.begin_ns.load(std::memory_order_relaxed);
    const auto index = static_cast<std::size_t>(std::max<std::int64_t>(0, now - from) / 1'000'000'000);
    if (index >= result_.seconds.size()) result_.seconds.resize(index + 1);
    return result_.seconds[index];
}

void Worker::tell_latency(std::int64_t now) {
    const auto from = shared_.begin_ns.load(std::memory_order_relaxed);
    const auto over = static_cast<std::size_t>(std::max<std::int64_t>(0, now - from) / 1'000'000'000);
    const auto until = std::min(over, result_.seconds.size());
    if (told_seconds_ >= until) return;
    const std::lock_guard lock(shared_.latency_mutex);
    for (; told_seconds_ < until; ++told_seconds_) shared_.latency.merge(result_.seconds[told_seconds_].latency);
}

void Worker::send(Client& client, std::int64_t due_ns, std::string_view tail) {
    thread_local std::string text;
    text.clear();
    append(text, Stamp{'m', options_.run, client.id, client.log.count(), due_ns});
    text += tail;
    if (text.size() < options_.size) text.resize(options_.size, 'x');
    const auto now = now_ns();
    client.log.sent(now);
    shared_.sent.fetch_add(1, std::memory_order_relaxed);
    ++second_at(now).sent;
    if (is_measured(due_ns)) ++result_.sent;
    client.socket.send(text, client);
}

void Worker::on_message(Client& client, std::string_view payload) {
    const auto now = now_ns();
    const auto stamp = parse_stamp(payload);
    if (!stamp) {
        ++result_.unreadable;
        shared_.errors.fetch_add(1, std::memory_order_relaxed);
        return;
    }
    if (stamp->run != options_.run) return on_stray(client);
    if (stamp->what == 'j') {
        if (client.joined_ns == Client::kNever) ready(client, now);
        return;
    }
    shared_.received.fetch_add(1, std::memory_order_relaxed);
    Second& second = second_at(now);
    ++second.received;
    if (!profile_.is_as_sent(client, *stamp, payload)) {
        ++second.changed;
        shared_.errors.fetch_add(1, std::memory_order_relaxed);
    }
    second.latency.record(now - stamp->due_ns);
    if (is_measured(stamp->due_ns)) {
        ++result_.received;
        result_.latency.record(now - stamp->due_ns);
    }
    profile_.on_message(client, *stamp, now);
}

void Worker::on_stray(Client& client) {
    ++client.misdelivered;
    shared_.errors.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace trunkline::load
