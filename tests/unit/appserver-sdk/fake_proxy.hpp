#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/link/link_handshake.hpp"
#include "trunkline/protocol/lane/lane.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::test {

using namespace std::chrono_literals;
namespace proto = trunkline::protocol;

inline constexpr auto kPatience = 10s;

/// What a fake proxy says of itself.
struct Announced {
    std::string id = "proxy-1";
    std::uint64_t epoch = 0xabcd0001;
    std::string upstream = "app";
    std::uint32_t worker = 0;
    std::uint32_t workers = 1;
    std::uint64_t max_frame = 1 << 20;
    std::string key;
    std::vector<std::string> features;
    char pool = 'A';  ///< all bytes of the pool's id
    std::chrono::milliseconds app_window = 25s;
};

/// One worker of a proxy, played by the test's thread over real sockets and the real lane.
class FakeProxy {
  public:
    /// A frame that the app server sent: `as<Message>()` gives its views.
    struct Frame {
        std::string body;
        std::uint32_t type() const { return proto::peek_type(body).value(); }
        template <class Message>
        Message as() const {
            Take<Message> sink;
            REQUIRE(proto::decode(body, sink));
            REQUIRE(sink.taken);
            return *sink.taken;
        }
    };

    /// `path`: the Unix socket of the app server.
    FakeProxy(std::string path, std::uint32_t lanes = 1, Announced announced = {})
        : path_(std::move(path)), announced_(std::move(announced)), home_lanes_(lanes) {
        for (std::uint32_t i = 0; i < lanes; ++i) lanes_.push_back(std::make_unique<FakeLane>());
    }
    ~FakeProxy() {
        for (std::uint32_t i = 0; i < lanes_.size(); ++i) hang_up(i);
    }

    /// Dials all lanes; all must be attached.
    void link() {
        for (std::uint32_t i = 0; i < lanes_.size(); ++i) REQUIRE(attach(i).message() == "Success");
    }

    /// Attaches the lanes that are missing, writes the Marks, and sends by the new number from then on.
    void resize(std::uint32_t lanes) {
        while (lanes_.size() < lanes) {
            lanes_.push_back(std::make_unique<FakeLane>());
            REQUIRE(attach(static_cast<std::uint32_t>(lanes_.size()) - 1, 0, lanes).message() == "Success");
        }
        ++version_;
        for (std::uint32_t i = 0; i < std::max(lanes, home_lanes_); ++i) send(i, proto::Mark{version_, lanes});
        home_lanes_ = lanes;
    }

    /// Dials one lane; why it was not attached. `lanes`: how many it says there are, if not those that are here.
    boost::system::error_code attach(std::uint32_t index, std::uint32_t attempt = 0, std::uint32_t lanes = 0) {
        FakeLane& lane = *lanes_[index];
        lane.fd = dial();
        proto::Hello hello;
        hello.name = announced_.id;
        hello.epoch = proto::Epoch{announced_.epoch};
        hello.upstream = announced_.upstream;
        hello.worker = announced_.worker;
        hello.workers = announced_.workers;
        hello.max_frame = announced_.max_frame;
        hello.app_window = announced_.app_window;
        hello.features = announced_.features;
        proto::Attach attach;
        attach.pool.bytes.fill(announced_.pool);
        attach.lane = index;
        attach.lanes = lanes != 0 ? lanes : static_cast<std::uint32_t>(lanes_.size());
        attach.attempt = attempt;
        net::ProxyHandshake handshake(hello, {announced_.key, !announced_.key.empty()}, attach, lane.lane,
                                      [](const proto::Hello&) { return std::string(); });
        std::string in;
        const auto deadline = std::chrono::steady_clock::now() + kPatience;
        while (true) {
            auto length = proto::read_length(in, 1 << 16);
            REQUIRE(length);
            if (!length.value() || in.size() < length.value()->total()) {
                if (!read_into(lane.fd, in, deadline)) return proto::errc::truncated;
                continue;
            }
            proto::Buffer out;
            const auto extent = *length.value();
            const std::string body = in.substr(extent.prefix, extent.body);
            in.erase(0, extent.total());
            const auto step = handshake.on_frame(body, out);
            write_all(lane.fd, out);
            if (!step) return step.error();
            if (!step.value()) continue;
            REQUIRE(lane.lane.attach(step.value()->peer_received, step.value()->peer_limit, now()));
            REQUIRE(lane.lane.receive(in, now(), lane));
            return {};
        }
    }

    void hang_up(std::uint32_t index) {
        FakeLane& lane = *lanes_[index];
        if (lane.fd >= 0) ::close(lane.fd);
        lane.fd = -1;
        lane.lane.detach();
    }

    /// Sends one frame on a lane.
    template <class Message>
    void send(std::uint32_t index, const Message& message) {
        proto::Buffer frame;
        proto::append(frame, message);
        send_raw(index, frame);
        pump(index, 0ms);
    }
    void send_raw(std::uint32_t index, const std::string& frame) { lanes_[index]->lane.append(frame); }

    void open(std::uint32_t chan, proto::Open open = {}) {
        const std::string id = proto::ConnectionId::located(proto::Epoch{announced_.epoch}, id_bytes(chan)).to_string();
        open.chan = proto::Chan{chan};
        if (open.connection_id.empty()) open.connection_id = id;
        open.key = static_cast<std::uint8_t>(chan);
        send(home(chan), open);
    }
    void data(std::uint32_t chan, std::string_view text) {
        send(home(chan), proto::Data{proto::Chan{chan}, proto::PayloadKind::text, text, false});
    }
    void close(std::uint32_t chan, std::uint16_t code = 1000) {
        send(home(chan), proto::Close{proto::Chan{chan}, code, "bye", proto::CloseBy::client});
    }
    std::uint32_t home(std::uint32_t chan) const { return chan % home_lanes_; }
    std::string id_of(std::uint32_t chan) const {
        return proto::ConnectionId::located(proto::Epoch{announced_.epoch}, id_bytes(chan)).to_string();
    }

    /// The next sequenced frame on a lane; fails the test if none comes.
    Frame next(std::uint32_t index = 0) {
        REQUIRE(wait(index, [](FakeLane& lane) { return !lane.frames.empty(); }));
        Frame frame{std::move(lanes_[index]->frames.front())};
        lanes_[index]->frames.pop_front();
        return frame;
    }
    template <class Message>
    Frame expect(std::uint32_t index = 0) {
        Frame frame = next(index);
        REQUIRE(frame.type() == Message::kType);
        return frame;
    }

    /// The Bye that the app server said on this lane, or how the lane ended without.
    std::string bye(std::uint32_t index = 0) {
        wait(index, [](FakeLane& lane) { return !lane.byes.empty() || lane.ended; });
        return lanes_[index]->byes.empty() ? "ended without a Bye" : lanes_[index]->byes.front();
    }
    bool ends(std::uint32_t index = 0) {
        return wait(index, [](FakeLane& lane) { return lane.ended; });
    }

    /// From now on frames of the app server are received but not handled: no acks, so its ring fills.
    void stall(std::uint32_t index) { lanes_[index]->stalled = true; }
    void go_on(std::uint32_t index) {
        lanes_[index]->stalled = false;
        REQUIRE(lanes_[index]->lane.resume(now(), *lanes_[index]));
    }

    /// Reads and writes all lanes for so long at least as nothing comes.
    void pump_all(std::chrono::milliseconds quiet = 0ms) {
        for (std::uint32_t i = 0; i < lanes_.size(); ++i) pump(i, quiet);
    }
    std::uint32_t lanes() const { return static_cast<std::uint32_t>(lanes_.size()); }
    /// Forgets the lanes beyond that number that the app server has closed; whether there are none left.
    bool drop_ended(std::uint32_t lanes) {
        while (lanes_.size() > lanes && lanes_.back()->ended && lanes_.back()->frames.empty()) lanes_.pop_back();
        return lanes_.size() == lanes;
    }
    std::size_t frames_waiting(std::uint32_t index) const { return lanes_[index]->frames.size(); }
    proto::Lane& lane(std::uint32_t index) { return lanes_[index]->lane; }

    /// Reads and writes until `is_done()`; false after `kPatience`.
    template <class IsDone>
    bool pump_until(IsDone is_done) {
        const auto deadline = now() + kPatience;
        while (!is_done()) {
            if (now() > deadline) return false;
            pump_all(1ms);
        }
        return true;
    }

  private:
    template <class Message>
    struct Take {
        std::optional<Message> taken;
        void on(const Message& message) { taken = message; }
        template <class Other>
        void on(const Other&) {}
    };

    struct FakeLane {
        FakeLane() : lane(proto::Lane::Side::proxy, settings()) {}
        static proto::LaneSettings settings() {
            proto::LaneSettings settings;
            settings.ack_delay = 0ms;
            settings.window_bytes = 1 << 20;
            return settings;
        }
        proto::Result<proto::Handled> on_sequenced(proto::Bytes body) {
            if (stalled) return proto::Handled::later;
            frames.emplace_back(body);
            return proto::Handled::done;
        }
        proto::Result<void> on_unsequenced(std::uint32_t type, proto::Bytes body) {
            if (type != proto::Bye::kType) return protocol::success();
            const Frame frame{std::string(body)};
            const auto bye = frame.as<proto::Bye>();
            byes.push_back(std::to_string(static_cast<int>(bye.code)) + " " + std::string(bye.text));
            return protocol::success();
        }

        proto::Lane lane;
        int fd = -1;
        bool stalled = false;
        bool ended = false;
        std::deque<std::string> frames;
        std::vector<std::string> byes;
    };

    static proto::TimePoint now() { return std::chrono::steady_clock::now(); }

    static std::array<unsigned char, 16> id_bytes(std::uint32_t chan) {
        std::array<unsigned char, 16> bytes{};
        bytes[15] = static_cast<unsigned char>(chan);
        bytes[14] = static_cast<unsigned char>(chan >> 8);
        return bytes;
    }

    int dial() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(fd >= 0);
        REQUIRE(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        return fd;
    }

    static bool read_into(int fd, std::string& in, proto::TimePoint deadline) {
        pollfd ready{fd, POLLIN, 0};
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now());
        if (::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0))) != 1) return false;
        char block[1 << 16];
        const auto count = ::recv(fd, block, sizeof block, 0);
        if (count <= 0) return false;
        in.append(block, static_cast<std::size_t>(count));
        return true;
    }

    static void write_all(int fd, std::string_view bytes) {
        while (!bytes.empty()) {
            const auto count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (count <= 0) return;
            bytes.remove_prefix(static_cast<std::size_t>(count));
        }
    }

    void flush(FakeLane& lane) {
        std::array<proto::Bytes, 16> pieces;
        while (lane.fd >= 0) {
            const auto count = lane.lane.gather(pieces, now());
            if (count == 0) return;
            std::string text;
            for (std::size_t i = 0; i < count; ++i) text.append(pieces[i]);
            write_all(lane.fd, text);
            lane.lane.written(text.size());
        }
    }

    void pump(std::uint32_t index, std::chrono::milliseconds quiet) {
        FakeLane& lane = *lanes_[index];
        while (lane.fd >= 0) {
            flush(lane);
            std::string in;
            pollfd ready{lane.fd, POLLIN, 0};
            if (::poll(&ready, 1, static_cast<int>(quiet.count())) != 1) break;
            if (!read_into(lane.fd, in, now() + kPatience)) {
                lane.ended = true;
                hang_up(index);
                return;
            }
            const auto taken = lane.lane.receive(in, now(), lane);
            INFO((taken ? std::string() : taken.error().message()));
            REQUIRE(taken);
        }
        flush(lane);
    }

    template <class Predicate>
    bool wait(std::uint32_t index, Predicate predicate) {
        const auto deadline = now() + kPatience;
        while (!predicate(*lanes_[index])) {
            if (now() > deadline || lanes_[index]->fd < 0) return predicate(*lanes_[index]);
            for (std::uint32_t i = 0; i < lanes_.size(); ++i) pump(i, i == index ? 5ms : 0ms);
        }
        return true;
    }

    const std::string path_;
    const Announced announced_;
    std::uint32_t home_lanes_;
    std::uint32_t version_ = 0;  // of the newest Mark
    std::vector<std::unique_ptr<FakeLane>> lanes_;
};

}  // namespace trunkline::test
