#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "tests/load/histogram.hpp"

namespace trunkline::load {

/// Bytes for a pipe between processes of the same build.
class Writer {
  public:
    template <class T>
    void put(const T& value) {
        static_assert(std::is_trivially_copyable_v<T>);
        out_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    /// Only the buckets that are used.
    void put(const Histogram& histogram);
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

/// Reads what a Writer wrote; throws std::runtime_error if the bytes are others.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : bytes_(bytes) {}
    template <class T>
    T get() {
        static_assert(std::is_trivially_copyable_v<T>);
        if (bytes_.size() < sizeof(T)) throw std::runtime_error("what a shard says is cut off");
        T value;
        std::memcpy(&value, bytes_.data(), sizeof value);
        bytes_.remove_prefix(sizeof value);
        return value;
    }
    /// Adds to what is in it.
    void get(Histogram& histogram);

  private:
    std::string_view bytes_;
};

}  // namespace trunkline::load
