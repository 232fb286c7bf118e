#pragma once

#include "proxy/metrics/reasons.hpp"

#include <string>
#include <vector>

namespace trunkline::proxy {

struct Header {
    std::string name;
    std::string value;

    bool operator==(const Header&) const = default;
};

/// The answer to a request that did not become what it wanted to. After it the connection closes.
struct Refusal {
    RefuseReason reason = RefuseReason::bad_request;
    unsigned status = 400;
    std::string text;             ///< the body: one sentence for people, without anything the client sent
    std::vector<Header> headers;  ///< besides those that every answer has
    bool omit_body = false;       ///< the request was HEAD
};

}  // namespace trunkline::proxy
