#include "trunkline/protocol/service/fields.hpp"

namespace trunkline::protocol {

ExtensionFields Fields::extension() noexcept {
    ExtensionFields extension;
    keyed([&extension](std::int64_t key, Reader& in) {
        switch (key) {
            case 1: extension.tracing_id = in.uint64(); return;
            case 2: extension.ttl_seconds = in.integer<std::int32_t>(); return;
            case 3: extension.protocol = in.optional_str(); return;
            case 4: extension.filter = in.optional_str(); return;
            case 5: extension.data_type = in.integer<std::int32_t>(); return;
            case 6: extension.is_partial = in.boolean(); return;
            case 100: extension.hello = in.raw(); return;
            default: in.skip(); return;
        }
    });
    return extension;
}

}  // namespace trunkline::protocol
