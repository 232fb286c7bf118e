#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "trunkline/protocol/result.hpp"

namespace trunkline::protocol {

/// A read-only run of bytes that somebody else owns. Payloads are opaque here, so text and binary have one type; where
/// the difference matters it stands beside the bytes as a `PayloadKind`.
using Bytes = std::string_view;

/// A growing run of bytes that encoders append to. The caller owns it, clears it and reuses its capacity.
using Buffer = std::string;

/// What a WebSocket or link message carries: UTF-8 text or arbitrary bytes (RFC 6455 §5.6; SPEC.md "Data").
enum class PayloadKind : unsigned char { text, binary };

}  // namespace trunkline::protocol
