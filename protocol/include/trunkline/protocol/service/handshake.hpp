#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "trunkline/protocol/bytes.hpp"
#include "trunkline/protocol/errc.hpp"
#include "trunkline/protocol/ids.hpp"

namespace trunkline::protocol {

// Features that both sides may announce (SPEC.md "Handshake").
inline constexpr const char* kFeatureResume = "resume";    ///< lanes outlive links
inline constexpr const char* kFeatureMigrate = "migrate";  ///< connections move to another app server
inline constexpr const char* kFeatureResize = "resize";    ///< a pool that is up gets more lanes, or fewer

/// What each side announces of itself under extension key 100 of the handshake (SPEC.md "Handshake"). Strings and
/// lists that are empty and numbers that are zero are left out on the wire and read back as such.
struct Hello {
    /// The lane whose lost link a link dialled by the app replaces.
    struct Replaced {
        PoolId pool;
        std::uint32_t lane = 0;
        bool operator==(const Replaced&) const = default;
    };

    std::string name;  ///< of the app server; of a proxy its id
    Epoch epoch{};
    std::vector<std::string> features;
    std::string nonce;  ///< random bytes, fresh for each link
    std::string software;
    std::string mac;  ///< of the proxy, empty where links need no key; the app's stands in Attached
    std::chrono::milliseconds app_window{0};
    std::uint32_t pool_size = 0;  ///< lanes of all workers of the proxy to this app server, when the pool was made
    std::string upstream;
    std::uint32_t worker = 0;
    std::uint32_t workers = 0;  ///< zero: `worker` is not announced either
    std::uint64_t max_frame = 0;
    std::optional<Replaced> replaces;

    bool operator==(const Hello&) const = default;
};

/// Appends the value of extension key 100: a map, keys ascending.
void encode_hello(Buffer& out, const Hello& hello);

/// The same without key 6: what the macs cover of a proxy's own hello.
void encode_hello_without_mac(Buffer& out, const Hello& hello);

/// The same from a hello as it was received, so that keys unknown here stay covered. Errors as `decode_hello`.
Result<void> encode_hello_without_mac(Buffer& out, Bytes received);

/// Reads the value of extension key 100 (`HandshakeRequest::hello`, `HandshakeResponse::hello`). Unknown keys are
/// skipped. Errors: those of a Reader; `missing_field` without an epoch.
Result<Hello> decode_hello(Bytes received);

/// Appends the request of a native app server, one frame.
void append_handshake_request(Buffer& out, const Hello& hello);

/// Appends the proxy's answer to it, one frame.
void append_handshake_response(Buffer& out, const Hello& hello);

/// Appends the answer that refuses a link, one frame. `reason` is for the peer's log.
void append_handshake_refusal(Buffer& out, Bytes reason);

/// The features that stand in both lists, in the order of `ours`: those that are spoken.
std::vector<std::string> spoken_features(const std::vector<std::string>& ours, const std::vector<std::string>& theirs);

}  // namespace trunkline::protocol
