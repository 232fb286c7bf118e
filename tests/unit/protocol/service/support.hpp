#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "trunkline/protocol/limits.hpp"
#include "trunkline/protocol/service/decode.hpp"
#include "trunkline/protocol/service/encode.hpp"
#include "trunkline/protocol/service/framing.hpp"

namespace trunkline::protocol {

/// Bytes from hex digits; spaces between them are ignored.
inline std::string unhex(std::string_view text) {
    std::string digits, bytes;
    for (const char c : text) {
        if (c != ' ') digits.push_back(c);
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
        bytes.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
    return bytes;
}

/// Upper case, a space between bytes: as SPEC.md writes them.
inline std::string hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        constexpr std::string_view digits = "0123456789ABCDEF";
        if (!text.empty()) text += ' ';
        text += digits[static_cast<unsigned char>(c) >> 4];
        text += digits[static_cast<unsigned char>(c) & 15];
    }
    return text;
}

/// Encodes again whatever it is given.
struct Reencoder {
    Buffer out;
    std::vector<std::uint32_t> unknown;

    template <class Message>
    void on(const Message& message) {
        append(out, message);
    }
    void on(const UnknownMessage& message) { unknown.push_back(message.type); }
};

/// Keeps the one message of a type; any other is a failure of the test's.
template <class Wanted>
struct Expect {
    Wanted message{};
    int seen = 0;

    void on(const Wanted& it) { message = it, ++seen; }
    template <class Message>
    void on(const Message&) {
        seen = -1000;
    }
};

/// The body of a frame that is whole.
inline Bytes body_of(Bytes frame) {
    const auto length = read_length(frame, kMaxFrameLength);
    if (!length || !length.value() || length.value()->total() != frame.size())
        throw std::runtime_error("not one frame");
    return frame.substr(length.value()->prefix);
}

template <class Message>
Message decode_one(Bytes frame) {
    Expect<Message> sink;
    const auto result = decode(body_of(frame), sink);
    if (!result) throw std::runtime_error("refused: " + result.error().message());
    if (sink.seen != 1) throw std::runtime_error("another type");
    return sink.message;
}

template <class Message>
std::string encode_one(const Message& message) {
    Buffer out = "before";
    append(out, message);
    return out.substr(6);
}

struct Recorded {
    std::string name;
    std::string frame;
    nlohmann::json message;
};

inline std::vector<Recorded> recordings(const std::string& file) {
    std::ifstream in(std::string(TRUNKLINE_CONFORMANCE_DATA) + "/" + file);
    std::vector<Recorded> rows;
    for (std::string line; std::getline(in, line);) {
        auto row = nlohmann::json::parse(line);
        rows.push_back({row["name"], unhex(row["hex"].get<std::string>()), row.value("m", nlohmann::json())});
    }
    return rows;
}

}  // namespace trunkline::protocol
