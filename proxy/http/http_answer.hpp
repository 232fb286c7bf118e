#pragma once

#include "proxy/http/refusal.hpp"
#include "proxy/http/static_files.hpp"
#include "proxy/http/upgrade.hpp"

#include <string>
#include <string_view>

namespace trunkline::proxy {

/// The bytes of the 101 that accepts `request` (RFC 6455 §4.2.2). `subprotocol` must be one of `request.offered`, or
/// empty for none.
std::string switching_protocols(const UpgradeRequest& request, std::string_view subprotocol);

/// The bytes of a whole answer with `Connection: close`; the caller closes behind it. Its status may be one without a
/// phrase of ours (`ask`: any 4xx).
std::string refusal_answer(const Refusal& refusal);

/// A 503 with a Retry-After of one to three seconds in turn, so that those who were refused together do not all come
/// back together.
Refusal unavailable(RefuseReason reason, std::string text);

/// The answer to a request for a file, in two parts that go out one behind the other.
struct FileAnswer {
    std::string head;
    std::string_view body;  ///< views the file; empty for HEAD and 304
};

/// 200, or 304 where the client has the file already.
FileAnswer file_answer(const FileRequest& request, const StaticFile& file);

}  // namespace trunkline::proxy
