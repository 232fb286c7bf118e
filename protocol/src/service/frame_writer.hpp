#pragma once

#include <cassert>
#include <msgpack/pack.hpp>
#include <optional>

#include "trunkline/protocol/limits.hpp"
#include "trunkline/protocol/service/fields.hpp"
#include "trunkline/protocol/service/framing.hpp"
#include "trunkline/protocol/service/views.hpp"

namespace trunkline::protocol {

/// Appends MessagePack values in their shortest form to a caller's buffer.
class Writer {
  public:
    explicit Writer(Buffer& out) : target_{out}, packer_(target_) {}
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void array(std::size_t count) { packer_.pack_array(narrow(count)); }
    void map(std::size_t count) { packer_.pack_map(narrow(count)); }
    void nil() { packer_.pack_nil(); }
    void boolean(bool value) { value ? packer_.pack_true() : packer_.pack_false(); }
    void uint(std::uint64_t value) { packer_.pack_uint64(value); }
    void integer(std::int64_t value) { packer_.pack_int64(value); }
    /// Always five bytes.
    void int32(std::int32_t value) { packer_.pack_fix_int32(value); }
    void str(Bytes value) {
        packer_.pack_str(narrow(value.size()));
        packer_.pack_str_body(value.data(), narrow(value.size()));
    }
    void bin(Bytes value) {
        packer_.pack_bin(narrow(value.size()));
        packer_.pack_bin_body(value.data(), narrow(value.size()));
    }
    void optional_str(const std::optional<Bytes>& value) { value ? str(*value) : nil(); }
    void optional_bin(const std::optional<Bytes>& value) { value ? bin(*value) : nil(); }
    /// Bytes that are MessagePack already.
    void raw(Bytes encoded) { target_.out.append(encoded); }

    void list(const StringList& items) {
        array(items.size());
        items.for_each([this](Bytes item) { str(item); });
    }
    template <BlobForm Values>
    void blobs(const BlobMap<Values>& entries) {
        map(entries.size());
        entries.for_each([this](Bytes key, Bytes value) {
            str(key);
            Values == BlobForm::str ? str(value) : bin(value);
        });
    }
    void headers(const HeaderMap& headers) {
        map(headers.size());
        headers.for_each([this](Bytes name, const StringList& values) {
            str(name);
            list(values);
        });
    }

  protected:
    Buffer& out() { return target_.out; }

  private:
    struct Target {
        Buffer& out;
        void write(const char* data, std::size_t size) { out.append(data, size); }
    };

    static std::uint32_t narrow(std::size_t size) {
        assert(size <= kMaxFrameLength);
        return static_cast<std::uint32_t>(size);
    }

    Target target_;
    msgpack::packer<Target> packer_;
};

/// One frame: begins with its array and type, and gets its length prefix at the end of its life.
class FrameWriter : public Writer {
  public:
    FrameWriter(Buffer& out, std::uint32_t type, std::size_t elements) : Writer(out), start_(out.size()) {
        out.push_back('\0');  // room for the prefix, which is one byte for most frames
        array(elements);
        uint(type);
    }
    ~FrameWriter() {
        Buffer prefix;  // five bytes at most: within the string itself
        append_length(prefix, out().size() - start_ - 1);
        out().replace(start_, 1, prefix);
    }

  private:
    std::size_t start_;
};

/// The extension map of a version-1 message: only what is set, keys ascending. A caller sets only what its message type
/// may carry, because known readers lose their place at a known key on a type that does not.
void write_extension(FrameWriter& frame, const ExtensionFields& extension);

}  // namespace trunkline::protocol
