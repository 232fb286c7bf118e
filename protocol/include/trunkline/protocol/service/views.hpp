#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "trunkline/protocol/service/wire.hpp"

namespace trunkline::protocol {

class Reader;

/// A list of strings that owns nothing. It stands either on an array of the caller's (to encode) or on encoded bytes
/// that a Reader has checked whole (decoded), so that walking over it cannot fail. Copy freely; valid as long as what
/// it stands on. A default one is empty.
class StringList {
  public:
    StringList() = default;
    StringList(std::span<const Bytes> items) noexcept : items_(items.data()), count_(items.size()) {}
    StringList(const std::vector<Bytes>& items) noexcept : StringList(std::span<const Bytes>(items)) {}

    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }

    /// Calls `f(Bytes)` for each item in order.
    template <class F>
    void for_each(F&& f) const {
        const char* at = encoded_;
        for (std::size_t i = 0; i < count_; ++i) f(items_ != nullptr ? items_[i] : wire::take_blob(at));
    }

    bool contains(Bytes item) const {
        const char* at = encoded_;
        for (std::size_t i = 0; i < count_; ++i) {
            if ((items_ != nullptr ? items_[i] : wire::take_blob(at)) == item) return true;
        }
        return false;
    }

  private:
    friend class Reader;
    friend class HeaderMap;
    StringList(const char* encoded, std::size_t count) noexcept : encoded_(encoded), count_(count) {}

    const Bytes* items_ = nullptr;
    const char* encoded_ = nullptr;
    std::size_t count_ = 0;
};

/// How the values of a map are written: as MessagePack str or as bin.
enum class BlobForm : unsigned char { str, bin };

/// A map from string to string or bytes, as a list of pairs: a key may stand there more than once (claims). Like
/// StringList it owns nothing and stands on the caller's array or on checked bytes.
template <BlobForm Values>
class BlobMap {
  public:
    using Entry = std::pair<Bytes, Bytes>;

    BlobMap() = default;
    BlobMap(std::span<const Entry> entries) noexcept : entries_(entries.data()), count_(entries.size()) {}
    BlobMap(const std::vector<Entry>& entries) noexcept : BlobMap(std::span<const Entry>(entries)) {}

    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }

    /// Calls `f(Bytes key, Bytes value)` for each pair in order.
    template <class F>
    void for_each(F&& f) const {
        const char* at = encoded_;
        for (std::size_t i = 0; i < count_; ++i) {
            const Entry entry = next(i, at);
            f(entry.first, entry.second);
        }
    }

    /// The value of the first pair with this key.
    std::optional<Bytes> find(Bytes key) const {
        const char* at = encoded_;
        for (std::size_t i = 0; i < count_; ++i) {
            const Entry entry = next(i, at);
            if (entry.first == key) return entry.second;
        }
        return std::nullopt;
    }

  private:
    friend class Reader;
    BlobMap(const char* encoded, std::size_t count) noexcept : encoded_(encoded), count_(count) {}

    Entry next(std::size_t index, const char*& at) const noexcept {
        if (entries_ != nullptr) return entries_[index];
        const Bytes key = wire::take_blob(at);
        return {key, wire::take_blob(at)};
    }

    const Entry* entries_ = nullptr;
    const char* encoded_ = nullptr;
    std::size_t count_ = 0;
};

/// Claims, path parameters.
using StringMap = BlobMap<BlobForm::str>;
/// What to send, by the protocol of the receiving client: `json`, `messagepack`, `text`, `binary`; already framed for
/// that client (SPEC.md "Payloads").
using PayloadMap = BlobMap<BlobForm::bin>;

/// One header of a request: its name and all its values in order.
struct Header {
    Bytes name;
    StringList values;
};

/// The headers of a request. Like StringList it owns nothing.
class HeaderMap {
  public:
    HeaderMap() = default;
    HeaderMap(std::span<const Header> headers) noexcept : headers_(headers.data()), count_(headers.size()) {}
    HeaderMap(const std::vector<Header>& headers) noexcept : HeaderMap(std::span<const Header>(headers)) {}

    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }

    /// Calls `f(Bytes name, const StringList& values)` for each header in order.
    template <class F>
    void for_each(F&& f) const {
        const char* at = encoded_;
        for (std::size_t i = 0; i < count_; ++i) {
            const Header header = headers_ != nullptr ? headers_[i] : take_header(at);
            f(header.name, header.values);
        }
    }

  private:
    friend class Reader;
    HeaderMap(const char* encoded, std::size_t count) noexcept : encoded_(encoded), count_(count) {}

    static Header take_header(const char*& at) noexcept {
        const Bytes name = wire::take_blob(at);
        const std::size_t count = wire::take_array(at);
        const StringList values(at, count);
        for (std::size_t i = 0; i < count; ++i) wire::take_blob(at);
        return {name, values};
    }

    const Header* headers_ = nullptr;
    const char* encoded_ = nullptr;
    std::size_t count_ = 0;
};

}  // namespace trunkline::protocol
