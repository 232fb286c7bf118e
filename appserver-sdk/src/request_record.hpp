#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "trunkline/protocol/service/extension.hpp"

#include <trunkline/connection.hpp>

namespace trunkline {

/// What an Open said of the client's request, kept for the life of its connection: one block of bytes and views of it.
/// Constant after construction.
class RequestRecord {
  public:
    explicit RequestRecord(const protocol::Open& open);
    RequestRecord(const RequestRecord&) = delete;
    RequestRecord& operator=(const RequestRecord&) = delete;

    /// Whether one of its Sec-WebSocket-Protocol lines lists `wanted`.
    bool offers(std::string_view wanted) const noexcept;

    std::string_view id, user, query, remote_address, path, subprotocol, host;
    std::vector<NameValue> claims, headers, path_parameters;
    std::vector<std::string_view> groups;
    Opened opened = Opened::fresh;

  private:
    std::string_view keep(std::string_view text);

    std::unique_ptr<char[]> block_;
    char* next_ = nullptr;
};

/// The value of the first entry of that name, or empty.
std::string_view find_value(const std::vector<NameValue>& entries, std::string_view name) noexcept;
/// The same without regard to the case of ASCII letters.
std::string_view find_value_ignoring_case(const std::vector<NameValue>& entries, std::string_view name) noexcept;

}  // namespace trunkline
