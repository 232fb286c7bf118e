#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "trunkline/protocol/lane/lane.hpp"
#include "trunkline/protocol/service/handshake.hpp"

namespace trunkline::net {

/// What a handshake ends with when all went well: the lane that the link carries from now on, and what the peer said
/// of it.
struct Attachment {
    protocol::Lane* lane = nullptr;
    std::uint64_t peer_received = 0;
    std::uint64_t peer_limit = 0;
};

/// Who says what first on a link (SPEC.md "Handshake"), without the socket: frames in, bytes out.
class LinkHandshake {
  public:
    virtual ~LinkHandshake() = default;
    /// Appends what this side says before it has heard anything.
    virtual void begin(protocol::Buffer& out) = 0;
    /// Takes one frame and appends the answer. Nothing: more is to come. An error ends the link, after `out` was
    /// written: it may say why.
    virtual protocol::Result<std::optional<Attachment>> on_frame(protocol::Bytes body, protocol::Buffer& out) = 0;
};

/// The link key of this side, and whether a peer that does not show that it holds the same is refused.
struct LinkKey {
    std::string secret;     ///< empty: none configured
    bool required = false;  ///< TCP off loopback; elsewhere a key is checked only if both sides have one
};

/// The proxy's side: hears the app's announcement, answers, and asks to attach one lane.
class ProxyHandshake final : public LinkHandshake {
  public:
    /// Looks at the app's announcement; a non-empty result refuses the link and says why.
    using Check = std::function<std::string(const protocol::Hello& app)>;

    /// `hello` goes out with a nonce and a mac of its own. `lane` must outlive this.
    ProxyHandshake(protocol::Hello hello, LinkKey key, protocol::Attach attach, protocol::Lane& lane, Check check);

    void begin(protocol::Buffer&) override {}  // the app speaks first
    protocol::Result<std::optional<Attachment>> on_frame(protocol::Bytes body, protocol::Buffer& out) override;

  private:
    protocol::Hello hello_;
    const LinkKey key_;
    protocol::Attach attach_;
    protocol::Lane& lane_;
    const Check check_;
    std::string app_hello_;  // as it came; empty until then
};

/// The app server's side: announces itself, hears the proxy's announcement and which lane it wants to attach.
class AppHandshake final : public LinkHandshake {
  public:
    struct Answer {
        protocol::AttachStatus status = protocol::AttachStatus::refused;
        protocol::Lane* lane = nullptr;  ///< set if the status is ok; must live as long as the link
    };
    /// Called once, when the proxy has shown that it holds the key.
    using Decide = std::function<Answer(const protocol::Hello& proxy, const protocol::Attach&)>;

    AppHandshake(protocol::Hello hello, LinkKey key, Decide decide);

    void begin(protocol::Buffer& out) override;
    protocol::Result<std::optional<Attachment>> on_frame(protocol::Bytes body, protocol::Buffer& out) override;

  private:
    protocol::Hello hello_;
    const LinkKey key_;
    const Decide decide_;
    std::string own_hello_;                 // as sent
    std::string proxy_hello_;               // as it came, without its mac
    std::optional<protocol::Hello> proxy_;  // none until it came
};

/// `count` bytes from the system's random source. Throws std::runtime_error if it fails.
std::string random_bytes(std::size_t count);
/// An epoch that no other run of any program has.
protocol::Epoch random_epoch();

/// HMAC-SHA256 over side ('p' or 'a'), the app's hello as sent and the proxy's hello without its mac.
std::string link_mac(const std::string& secret, char side, protocol::Bytes app_hello, protocol::Bytes proxy_hello);

}  // namespace trunkline::net
