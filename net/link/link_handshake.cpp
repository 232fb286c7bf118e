#include "net/link/link_handshake.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"

namespace trunkline::net {

using namespace protocol;

namespace {

constexpr std::size_t kNonceBytes = 16;

bool same(Bytes a, Bytes b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// Whether `mac` shows that the peer holds our key, where that matters.
bool is_proven(const LinkKey& key, Bytes mac, char side, Bytes app_hello, Bytes proxy_hello) {
    if (key.secret.empty()) return !key.required;
    if (mac.empty()) return !key.required;
    return same(mac, link_mac(key.secret, side, app_hello, proxy_hello));
}

}  // namespace

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
        throw std::runtime_error("no random bytes from the system");
    }
    return bytes;
}

protocol::Epoch random_epoch() {
    std::uint64_t value = 0;
    for (const char c : random_bytes(sizeof value)) value = value << 8 | static_cast<unsigned char>(c);
    return protocol::Epoch{value};
}

std::string link_mac(const std::string& secret, char side, Bytes app_hello, Bytes proxy_hello) {
    std::string text(1, side);
    text.append(app_hello).append(proxy_hello);
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &size) == nullptr) {
        throw std::runtime_error("HMAC-SHA256 failed");
    }
    return {reinterpret_cast<const char*>(mac), size};
}

// --- The proxy's side ---

ProxyHandshake::ProxyHandshake(Hello hello, LinkKey key, Attach attach, Lane& lane, Check check)
    : hello_(std::move(hello)), key_(std::move(key)), attach_(attach), lane_(lane), check_(std::move(check)) {}

Result<std::optional<Attachment>> ProxyHandshake::on_frame(Bytes body, Buffer& out) {
    if (app_hello_.empty()) {
        auto request = decode_only<HandshakeRequest>(body);
        if (!request) {
            append_handshake_refusal(out, "expected a handshake request");
            return request.error();
        }
        if (request.value().version != kServiceProtocolVersion) {
            append_handshake_refusal(out, "only version 1 is spoken here");
            return errc::version_mismatch;
        }
        if (!request.value().hello) {
            append_handshake_refusal(out, "an announcement (extension key 100) is needed on this link");
            return errc::not_native;
        }
        app_hello_ = *request.value().hello;
        TRUNKLINE_TRY(auto app, decode_hello(app_hello_));
        if (const auto why = check_(app); !why.empty()) {
            append_handshake_refusal(out, why);
            return errc::refused;
        }
        hello_.nonce = random_bytes(kNonceBytes);
        if (!key_.secret.empty()) {
            Buffer own;
            encode_hello_without_mac(own, hello_);
            hello_.mac = link_mac(key_.secret, 'p', app_hello_, own);
        }
        append_handshake_response(out, hello_);
        attach_.received = lane_.received();
        attach_.limit = lane_.limit();
        append(out, attach_);
        return std::nullopt;
    }

    TRUNKLINE_TRY(auto attached, decode_only<Attached>(body));
    Buffer own;
    encode_hello_without_mac(own, hello_);
    if (!is_proven(key_, attached.mac, 'a', app_hello_, own)) return errc::bad_key;
    switch (attached.status) {
        case AttachStatus::ok: break;
        case AttachStatus::unknown_pool: return errc::unknown_pool;
        case AttachStatus::bad_offset: return errc::offset_refused;
        default: return errc::lane_refused;
    }
    if (!lane_.can_attach(attached.received)) {
        append(out, Bye{ByeCode::bad_offset, "Attached does not fit what was sent"});  // the app has attached the lane
        return errc::bad_offset;
    }
    return Attachment{&lane_, attached.received, attached.limit};
}

// --- The app server's side ---

AppHandshake::AppHandshake(Hello hello, LinkKey key, Decide decide)
    : hello_(std::move(hello)), key_(std::move(key)), decide_(std::move(decide)) {}

void AppHandshake::begin(Buffer& out) {
    hello_.nonce = random_bytes(kNonceBytes);
    encode_hello(own_hello_, hello_);
    append_handshake_request(out, hello_);
}

Result<std::optional<Attachment>> AppHandshake::on_frame(Bytes body, Buffer& out) {
    if (!proxy_) {
        TRUNKLINE_TRY(auto response, decode_only<HandshakeResponse>(body));
        if (response.error && !response.error->empty()) return errc::refused;
        if (!response.hello) return errc::not_native;
        TRUNKLINE_TRY(auto proxy, decode_hello(*response.hello));
        TRUNKLINE_CHECK(encode_hello_without_mac(proxy_hello_, *response.hello));
        if (!is_proven(key_, proxy.mac, 'p', own_hello_, proxy_hello_)) {
            append(out, Attached{AttachStatus::refused, 0, 0, {}});
            return errc::bad_key;
        }
        proxy_ = std::move(proxy);
        return std::nullopt;
    }

    TRUNKLINE_TRY(auto attach, decode_only<Attach>(body));
    Answer answer = decide_(*proxy_, attach);
    if (answer.status == AttachStatus::ok && !answer.lane->can_attach(attach.received)) {
        answer.status = AttachStatus::bad_offset;
    }
    const std::string mac = key_.secret.empty() ? std::string() : link_mac(key_.secret, 'a', own_hello_, proxy_hello_);
    if (answer.status != AttachStatus::ok) {
        append(out, Attached{answer.status, 0, 0, mac});
        return answer.status == AttachStatus::bad_offset ? errc::bad_offset : errc::refused;
    }
    append(out, Attached{AttachStatus::ok, answer.lane->received(), answer.lane->limit(), mac});
    return Attachment{answer.lane, attach.received, attach.limit};
}

}  // namespace trunkline::net
