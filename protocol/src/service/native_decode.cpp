#include "trunkline/protocol/service/decode.hpp"

namespace trunkline::protocol::decoding {

void read(Fields& fields, Attach& message) noexcept {
    const Bytes pool = fields.bin();
    message.lane = fields.integer<std::uint32_t>();
    message.lanes = fields.integer<std::uint32_t>();
    message.attempt = fields.integer<std::uint32_t>();
    message.received = fields.uint64();
    message.limit = fields.uint64();
    if (!fields.ok()) return;
    if (pool.size() != message.pool.bytes.size()) return fields.fail(errc::out_of_range);
    pool.copy(message.pool.bytes.data(), pool.size());
}

void read(Fields& fields, Attached& message) noexcept {
    message.status = AttachStatus{fields.integer<std::uint32_t>()};
    message.received = fields.uint64();
    message.limit = fields.uint64();
    message.mac = fields.optional_bin().value_or(Bytes{});
}

void read(Fields& fields, Ack& message) noexcept {
    message.handled = fields.uint64();
    message.limit = fields.uint64();
    message.stamp = fields.integer_or<std::uint64_t>(0);
}

void read(Fields& fields, Bye& message) noexcept {
    message.code = ByeCode{fields.integer<std::uint32_t>()};
    message.text = fields.optional_str().value_or(Bytes{});
}

void read(Fields& fields, Open& message) noexcept {
    message.chan = Chan{fields.uint64()};
    message.attachment = fields.uint64();
    message.why = OpenReason{fields.integer<std::uint8_t>()};
    message.key = fields.integer<std::uint8_t>();
    message.connection_id = fields.str();
    message.claims = fields.string_map();
    message.headers = fields.header_map();
    message.query = fields.str();
    fields.keyed([&message](std::int64_t key, Reader& in) {
        switch (key) {
            case 1: message.groups = in.string_list(); return;
            case 2: message.client_protocol = in.str(); return;
            case 3: message.peer_address = in.str(); return;
            case 4: message.path = in.str(); return;
            case 5: message.ask = in.boolean(); return;
            case 6: message.user = in.optional_str(); return;
            case 7: message.subprotocol = in.str(); return;
            case 8: message.path_parameters = in.string_map(); return;
            case 9: message.host = in.str(); return;
            default: in.skip(); return;
        }
    });
}

void read(Fields& fields, Accept& message) noexcept {
    message.chan = Chan{fields.uint64()};
    fields.keyed([&message](std::int64_t key, Reader& in) {
        switch (key) {
            case 1: message.user = in.optional_str(); return;
            case 2: message.groups = in.string_list(); return;
            case 3: message.subprotocol = in.optional_str(); return;
            default: in.skip(); return;
        }
    });
}

void read(Fields& fields, Close& message) noexcept {
    message.chan = Chan{fields.uint64()};
    message.code = fields.integer<std::uint16_t>();
    message.reason = fields.optional_str().value_or(Bytes{});
    message.by = CloseBy{fields.integer_or<std::uint8_t>(0)};
}

void read(Fields& fields, Detach& message) noexcept { message.chan = Chan{fields.uint64()}; }
void read(Fields& fields, Detached& message) noexcept { message.chan = Chan{fields.uint64()}; }

void read(Fields& fields, Pause& message) noexcept {
    message.chan = Chan{fields.uint64()};
    message.on = fields.boolean();
}

void read(Fields& fields, Backlog& message) noexcept {
    message.chan = Chan{fields.uint64()};
    message.on = fields.boolean();
}

void read(Fields& fields, Drain& message) noexcept { message.mode = fields.integer_or<std::uint32_t>(0); }

void read(Fields& fields, Mark& message) noexcept {
    message.version = fields.integer<std::uint32_t>();
    message.lanes = fields.integer<std::uint32_t>();
}

}  // namespace trunkline::protocol::decoding
