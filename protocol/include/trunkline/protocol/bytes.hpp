#pragma once

#include <boost/outcome/boost_result.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace trunkline::protocol {

/// A read-only run of bytes that somebody else owns. Payloads are opaque here, so text and binary have one type; where
/// the difference matters it stands beside the bytes as a `PayloadKind`.
using Bytes = std::string_view;

/// A growing run of bytes that encoders append to. The caller owns it, clears it and reuses its capacity.
using Buffer = std::string;

/// What a WebSocket or link message carries: UTF-8 text or arbitrary bytes (RFC 6455 §5.6; SPEC.md "Data").
enum class PayloadKind : unsigned char { text, binary };

/// A value or an `error_code` of one of our categories (errc.hpp). Expected failures are values, never exceptions.
template <class T>
using Result = boost::outcome_v2::boost_result<T>;

}  // namespace trunkline::protocol
