#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include "net/unique_fd.hpp"
#include "tests/load/shard.hpp"
#include "tests/load/wire.hpp"

namespace trunkline::load {
namespace {

enum class Step : char { begin, come_back, settle, sent, expect, judge };

// Parent to child: a step and what belongs to it. Child to parent: its progress (p), ten times a second, and its
// answers to the steps that have one: its logs (s), what it heard (h), its result (r); or why it cannot go on (x). Each
// message is a letter, its length and its bytes.

struct Message {
    char what = 0;
    std::string body;
};

/// What the other side does not take, or did not send, in time.
struct Broken : std::runtime_error {
    using std::runtime_error::runtime_error;
};

void send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw Broken(errno == EAGAIN ? "does not answer" : "has ended");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void send_message(int fd, char what, std::string_view body) {
    const std::uint64_t size = body.size();
    std::string head(1, what);
    head.append(reinterpret_cast<const char*>(&size), sizeof size);
    send_all(fd, head);
    send_all(fd, body);
}

void receive_all(int fd, char* into, std::size_t size) {
    while (size > 0) {
        const auto n = ::recv(fd, into, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw Broken(n < 0 && errno == EAGAIN ? "does not answer" : "has ended");
        into += n;
        size -= static_cast<std::size_t>(n);
    }
}

Message receive_message(int fd) {
    Message message;
    std::uint64_t size = 0;
    receive_all(fd, &message.what, 1);
    receive_all(fd, reinterpret_cast<char*>(&size), sizeof size);
    message.body.resize(size);
    receive_all(fd, message.body.data(), size);
    return message;
}

bool has_input(int fd, int milliseconds) {
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, milliseconds) > 0;
}

/// The child: a local shard that does as it is told.
void serve(int fd, const Options& options, std::uint32_t first, std::uint32_t end) {
    const auto shard = make_local_shard(options, first, end);
    while (true) {
        send_message(fd, 'p', serialize(shard->progress()));
        if (!has_input(fd, 100)) continue;
        const auto message = receive_message(fd);
        switch (static_cast<Step>(message.what)) {
            case Step::begin: {
                Reader times(message.body);
                const auto begin = times.get<std::int64_t>();
                const auto from = times.get<std::int64_t>();
                shard->begin(begin, from, times.get<std::int64_t>());
                break;
            }
            case Step::come_back: shard->come_back(); break;
            case Step::settle: shard->settle(); break;
            case Step::sent: send_message(fd, 's', shard->sent().serialize()); break;
            case Step::expect:
                shard->expect(SendLogs::deserialize(message.body));
                send_message(fd, 'h', shard->finish().serialize());
                break;
            case Step::judge: return send_message(fd, 'r', serialize(shard->judge(Heard::deserialize(message.body))));
        }
    }
}

class ForkedShard final : public Shard {
  public:
    ForkedShard(const Options& options, std::uint32_t first, std::uint32_t end) {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
            throw std::system_error(errno, std::system_category(), "socketpair");
        }
        socket_ = net::UniqueFd(ends[0]);
        net::UniqueFd child(ends[1]);
        pid_ = ::fork();
        if (pid_ < 0) throw std::system_error(errno, std::system_category(), "fork");
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            socket_.reset();
            run_child(child.get(), options, first, end);
        }
        const timeval patience{std::chrono::ceil<std::chrono::seconds>(options.settle).count() + kPatienceSeconds, 0};
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    }
    ~ForkedShard() override {
        ::kill(pid_, SIGKILL);  // it has said all, or is of no use any more
        ::waitpid(pid_, nullptr, 0);
    }

    Progress progress() override {
        while (has_input(socket_.get(), 0)) keep(receive());
        Progress told = progress_;
        progress_.latency = {};
        return told;
    }
    void begin(std::int64_t begin_ns, std::int64_t from_ns, std::int64_t until_ns) override {
        Writer times;
        for (const auto time : {begin_ns, from_ns, until_ns}) times.put(time);
        send(Step::begin, times.take());
    }
    void come_back() override { send(Step::come_back); }
    void settle() override { send(Step::settle); }
    SendLogs sent() override {
        send(Step::sent);
        return SendLogs::deserialize(answer('s'));
    }
    void expect(const SendLogs& logs) override { send(Step::expect, logs.serialize()); }
    Heard finish() override { return Heard::deserialize(answer('h')); }
    Result judge(const Heard& heard) override {
        send(Step::judge, heard.serialize());
        return deserialize(answer('r'));
    }

  private:
    static constexpr int kPatienceSeconds = 30;  // comparing takes its time

    [[noreturn]] static void run_child(int fd, const Options& options, std::uint32_t first, std::uint32_t end) {
        try {
            serve(fd, options, first, end);
        } catch (const Broken&) {  // the parent is gone
        } catch (const std::exception& error) {
            try {
                send_message(fd, 'x', error.what());
            } catch (const Broken&) {
            }
        }
        ::_exit(0);
    }

    [[noreturn]] void fail(const char* what) const {
        throw std::runtime_error("a shard, process " + std::to_string(pid_) + ", " + what +
                                 ": there is no result without its clients");
    }
    void send(Step step, std::string_view body = {}) {
        try {
            send_message(socket_.get(), static_cast<char>(step), body);
        } catch (const Broken& broken) {
            fail(broken.what());
        }
    }
    Message receive() {
        try {
            return receive_message(socket_.get());
        } catch (const Broken& broken) {
            fail(broken.what());
        }
    }
    void keep(const Message& message) {
        if (message.what == 'p') {
            const Histogram untold = progress_.latency;
            progress_ = deserialize_progress(message.body);
            progress_.latency.merge(untold);
        }
        if (message.what == 'x') throw std::runtime_error(message.body);
    }
    std::string answer(char what) {
        while (true) {
            auto message = receive();
            if (message.what == what) return std::move(message.body);
            keep(message);
        }
    }

    net::UniqueFd socket_;
    pid_t pid_ = -1;
    Progress progress_;
};

}  // namespace

std::unique_ptr<Shard> make_forked_shard(const Options& options, std::uint32_t first, std::uint32_t end) {
    return std::make_unique<ForkedShard>(options, first, end);
}

}  // namespace trunkline::load
