#include "proxy/metrics/close_reason.hpp"

#include <catch2/catch.hpp>

#include <set>
#include <string_view>

using namespace trunkline::proxy;

TEST_CASE("close_reason: each row can be sent and counted", "[proxy][close_reason]") {
    std::set<std::string_view> labels;
    for (const auto& row : close_reasons()) {
        CAPTURE(row.label);
        CHECK(&describe(row.reason) == &row);
        CHECK(labels.insert(row.label).second);
        CHECK(row.label.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string_view::npos);
        // What RFC 6455 §7.4.1 lets an endpoint send, or one of the stated exceptions.
        const bool sendable = row.code >= 1000 && row.code <= 1014 && row.code != 1004 && row.code != 1005;
        const bool http_status = row.code >= 400 && row.code <= 599;
        CHECK((sendable || http_status || row.code == kCodeAsGiven));
    }
}

TEST_CASE("close_reason: the codes others rely on", "[proxy][close_reason]") {
    CHECK(describe(CloseReason::protocol_error).code == 1002);
    CHECK(describe(CloseReason::invalid_utf8).code == 1007);
    CHECK(describe(CloseReason::message_too_big).code == 1009);
    CHECK(describe(CloseReason::outbox_full).code == 1013);
    CHECK(describe(CloseReason::app_server_lost).code == 1012);
    CHECK(describe(CloseReason::draining).code == 1012);
    CHECK(describe(CloseReason::client_gone).code == kCodeNoFrame);
    CHECK(static_cast<int>(describe(CloseReason::client_closed).by) == 0);
    CHECK(static_cast<int>(describe(CloseReason::draining).by) == 1);
    CHECK(static_cast<int>(describe(CloseReason::app_closed).by) == 2);
}
