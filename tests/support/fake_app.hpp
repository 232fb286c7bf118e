#pragma once

#include <unistd.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/link/linked_lane.hpp"
#include "net/listen_socket.hpp"
#include "net/loop.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::tests {

/// A small app server on the test's own loop, without the SDK: accepts links on a Unix socket, and answers what a proxy
/// sends with what the test says. It has no policy of its own.
class FakeApp final : public net::LinkOwner, public net::PollHandler {
  public:
    using Lane = net::LinkedLane;

    FakeApp(net::Loop& loop, const std::string& path)
        : loop_(loop), listener_(net::ListenSocket::open(net::Endpoint::unix_socket(path)).value()) {
        boost::system::error_code ec;
        token_ = loop_.poller().add(listener_.fd(), *this, ec);
        hello_.epoch = protocol::Epoch{0x1234};
    }
    ~FakeApp() override {
        loop_.poller().remove(token_);
        for (const auto& lane : lanes_) {
            if (lane->link) lane->link->close();
        }
    }

    protocol::Hello& hello() { return hello_; }
    const std::vector<std::unique_ptr<Lane>>& lanes() const { return lanes_; }
    std::size_t links() const { return links_; }
    /// What the proxy said of the newest link.
    const protocol::Hello& proxy_hello() const { return proxy_hello_; }
    const protocol::Attach& attach() const { return attach_; }

    /// Sends one whole frame on a lane.
    template <class Message>
    void send(Lane& lane, const Message& message) {
        protocol::Buffer frame;
        append(frame, message);
        lane.send(frame);
    }

    /// While it is busy nothing is handled; `go_on` takes what waits.
    bool is_busy = false;
    void go_on() {
        is_busy = false;
        for (const auto& lane : lanes_) {
            Sink sink{*this, *lane};
            static_cast<void>(lane->lane.resume(loop_.now(), sink));
            if (lane->link) lane->link->touch();
        }
    }

    /// Before each handshake: `hello` may be changed for this link.
    std::function<void()> on_accept = [] {};
    std::function<void(Lane&, const protocol::Open&)> on_open = [](Lane&, const protocol::Open&) {};
    std::function<void(Lane&, const protocol::Data&)> on_data = [](Lane&, const protocol::Data&) {};
    std::function<void(Lane&, const protocol::Close&)> on_close = [](Lane&, const protocol::Close&) {};
    std::function<void(Lane&, const protocol::Backlog&)> on_backlog = [](Lane&, const protocol::Backlog&) {};
    std::function<void(Lane&, const protocol::Bye&)> on_bye = [](Lane&, const protocol::Bye&) {};

  private:
    struct Sink {
        FakeApp& app;
        Lane& lane;

        protocol::Result<protocol::Handled> on_sequenced(protocol::Bytes body) {
            if (app.is_busy) return protocol::Handled::later;
            if (auto decoded = protocol::decode(body, *this); !decoded) return decoded.error();
            return protocol::Handled::done;
        }
        protocol::Result<void> on_unsequenced(std::uint32_t, protocol::Bytes body) {
            return protocol::decode(body, *this);
        }
        void on(const protocol::Bye& message) { app.on_bye(lane, message); }
        void on(const protocol::Open& message) { app.on_open(lane, message); }
        void on(const protocol::Data& message) { app.on_data(lane, message); }
        void on(const protocol::Close& message) { app.on_close(lane, message); }
        void on(const protocol::Backlog& message) { app.on_backlog(lane, message); }
        template <class Other>
        void on(const Other&) {}
    };

    void on_ready(std::uint32_t) override {
        while (auto accepted = net::accept(listener_.fd())) {
            on_accept();
            lanes_.push_back(std::make_unique<Lane>(protocol::Lane::Side::app, protocol::LaneSettings{}));
            Lane& lane = *lanes_.back();
            auto handshake = std::make_unique<net::AppHandshake>(
                hello_, net::LinkKey{}, [this, &lane](const protocol::Hello& proxy, const protocol::Attach& attach) {
                    proxy_hello_ = proxy;
                    attach_ = attach;
                    return net::AppHandshake::Answer{protocol::AttachStatus::ok, &lane.lane};
                });
            lane.link = std::make_unique<net::Link>(loop_, net::ByteStream(accepted.value().fd.release()),
                                                    std::move(handshake), *this, net::LinkTimes{});
            lane.link->start();
        }
    }
    void on_link_attached(net::Link&) override { ++links_; }
    protocol::Result<void> on_link_chunk(net::Link& link, protocol::Bytes chunk) override {
        Lane& lane = lane_of(link);
        Sink sink{*this, lane};
        return lane.lane.receive(chunk, loop_.now(), sink);
    }
    void on_link_ended(net::Link& link, const boost::system::error_code&) override {
        if (link.lane() != nullptr) --links_;
        loop_.bury(std::move(lane_of(link).link));
    }
    Lane& lane_of(net::Link& link) {
        std::size_t i = 0;
        while (lanes_[i]->link.get() != &link) ++i;
        return *lanes_[i];
    }

    net::Loop& loop_;
    net::ListenSocket listener_;
    net::Poller::Token token_;
    protocol::Hello hello_;
    protocol::Hello proxy_hello_;
    protocol::Attach attach_;
    std::vector<std::unique_ptr<Lane>> lanes_;
    std::size_t links_ = 0;
};

}  // namespace trunkline::tests
