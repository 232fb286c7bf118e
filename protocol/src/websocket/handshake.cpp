#include "trunkline/protocol/websocket/handshake.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <openssl/evp.h>

namespace trunkline::protocol::websocket {
namespace {

constexpr Bytes kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455 §1.3
constexpr std::size_t kSha1Size = 20;

bool is_base64(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

const EVP_MD* sha1() {
    static const EVP_MD* const md = EVP_MD_fetch(nullptr, "SHA1", nullptr);  // a fetch costs more than the digest
    return md;
}

}  // namespace

bool is_valid_key(Bytes key) noexcept {
    return key.size() == 24 && key.substr(22) == "==" && std::all_of(key.begin(), key.begin() + 22, is_base64);
}

std::string accept_key(Bytes key) {
    std::string text(key);
    text += kGuid;
    std::array<unsigned char, kSha1Size> digest{};
    unsigned int size = 0;
    if (sha1() == nullptr || EVP_Digest(text.data(), text.size(), digest.data(), &size, sha1(), nullptr) != 1) {
        throw std::runtime_error("libcrypto offers no SHA-1, which the WebSocket handshake needs");
    }
    std::array<unsigned char, 29> encoded{};  // EVP_EncodeBlock adds a zero byte
    const int length = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(size));
    return {reinterpret_cast<const char*>(encoded.data()), static_cast<std::size_t>(length)};
}

}  // namespace trunkline::protocol::websocket
