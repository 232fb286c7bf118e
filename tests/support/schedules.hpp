#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <random>
#include <string>
#include <utility>

namespace trunkline::test {

/// What a model throws when a promise was broken.
struct Violation {
    std::string what;
};

inline void require(bool holds, const char* what) {
    if (!holds) throw Violation{what};
}

/// The chance in a schedule; the same seed gives the same schedule everywhere.
class Random {  // splitmix64: thousands of schedules draw millions of numbers in a debug build
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
    }
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(next() % n); }
    std::size_t between(std::size_t low, std::size_t high) { return low + below(high - low + 1); }
    bool chance(unsigned percent) { return below(100) < percent; }
    double uniform(double low, double high) { return low + (high - low) * static_cast<double>(next() >> 11) * 0x1p-53; }
    double exponential(double mean) { return -mean * std::log1p(-uniform(0, 1)); }
    template <class T>
    T pick(std::initializer_list<T> from) {
        return from.begin()[below(from.size())];
    }
    template <class Container>
    void shuffle(Container& items) {
        for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
    }

  private:
    std::uint64_t state_;
};

inline std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* const text = std::getenv(name);
    return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Where the seeds of this run of a test program begin: TRUNKLINE_MODEL_SEED, else drawn.
inline std::uint64_t first_seed() {
    static const std::uint64_t seed = number_from_environment("TRUNKLINE_MODEL_SEED", std::random_device{}());
    return seed;
}

}  // namespace trunkline::test
