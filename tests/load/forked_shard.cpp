#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "net/unique_fd.hpp"
#include "tests/load/shard.hpp"

namespace trunkline::load {
namespace {

enum class Step : std::uint8_t { begin, come_back, settle, finish };

// Parent to child: a step and what belongs to it. Child to parent: its progress, ten times a second, and in the end its
// result. Each message is a letter, its length and its bytes.

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw std::runtime_error("a shard has ended");
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
}

void send_message(int fd, char what, std::string_view body) {
    const std::uint64_t size = body.size();
    std::string head(1, what);
    head.append(reinterpret_cast<const char*>(&size), sizeof size);
    write_all(fd, head);
    write_all(fd, body);
}

struct Incoming {
    char what = 0;
    std::string body;
};

void read_all(int fd, char* into, std::size_t size) {
    while (size > 0) {
        const auto n = ::recv(fd, into, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) throw std::runtime_error("a shard has ended");
        into += n;
        size -= static_cast<std::size_t>(n);
    }
}

Incoming read_message(int fd) {
    Incoming message;
    std::uint64_t size = 0;
    read_all(fd, &message.what, 1);
    read_all(fd, reinterpret_cast<char*>(&size), sizeof size);
    message.body.resize(size);
    read_all(fd, message.body.data(), size);
    return message;
}

bool has_input(int fd, int milliseconds) {
    pollfd poll{fd, POLLIN, 0};
    return ::poll(&poll, 1, milliseconds) > 0;
}

template <class T>
T load(const std::string& bytes) {
    T value;
    if (bytes.size() < sizeof value) throw std::runtime_error("a shard's message is cut off");
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

template <class T>
std::string_view bytes_of(const T& value) {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

using Times = std::array<std::int64_t, 3>;

/// The child: a local shard that does as it is told.
void serve(int fd, const Options& options, std::uint32_t first, std::uint32_t end) {
    const auto shard = make_local_shard(options, first, end);
    while (true) {
        send_message(fd, 'p', bytes_of(shard->progress()));
        if (!has_input(fd, 100)) continue;
        const auto message = read_message(fd);
        switch (static_cast<Step>(message.what)) {
            case Step::begin: {
                const auto times = load<Times>(message.body);
                shard->begin(times[0], times[1], times[2]);
                break;
            }
            case Step::come_back: shard->come_back(); break;
            case Step::settle: {
                SendLog ticks;
                for (std::size_t at = 0; at + 8 <= message.body.size(); at += 8) {
                    std::int64_t time = 0;
                    std::memcpy(&time, message.body.data() + at, sizeof time);
                    ticks.sent(time);
                }
                shard->settle(ticks);
                break;
            }
            case Step::finish: return send_message(fd, 'r', serialize(shard->finish()));
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
        if (pid_ > 0) return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        socket_.reset();
        try {
            serve(child.get(), options, first, end);
        } catch (const std::exception&) {
            ::_exit(3);  // the parent is gone, or sees that we are
        }
        ::_exit(0);
    }
    ~ForkedShard() override {
        socket_.reset();
        if (!has_finished_) ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }

    Progress progress() override {
        while (has_input(socket_.get(), 0)) {
            const auto message = read_message(socket_.get());
            if (message.what == 'p') progress_ = load<Progress>(message.body);
        }
        return progress_;
    }
    void begin(std::int64_t begin_ns, std::int64_t from_ns, std::int64_t until_ns) override {
        send(Step::begin, bytes_of(Times{begin_ns, from_ns, until_ns}));
    }
    void come_back() override { send(Step::come_back, {}); }
    void settle(const SendLog& ticks) override {
        std::string times;
        for (std::uint64_t i = 0; i < ticks.count(); ++i) times += bytes_of(ticks.time_of(i));
        send(Step::settle, times);
        send(Step::finish, {});
    }
    Result finish() override {
        while (true) {
            const auto message = read_message(socket_.get());
            if (message.what != 'r') continue;
            has_finished_ = true;
            return deserialize(message.body);
        }
    }

  private:
    void send(Step step, std::string_view body) { send_message(socket_.get(), static_cast<char>(step), body); }

    net::UniqueFd socket_;
    pid_t pid_ = -1;
    Progress progress_;
    bool has_finished_ = false;
};

}  // namespace

std::unique_ptr<Shard> make_forked_shard(const Options& options, std::uint32_t first, std::uint32_t end) {
    return std::make_unique<ForkedShard>(options, first, end);
}

}  // namespace trunkline::load
