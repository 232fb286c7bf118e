#include "appserver-sdk/src/core/callbacks.hpp"

#include <boost/core/demangle.hpp>
#include <chrono>
#include <exception>
#include <typeinfo>

namespace trunkline {

void Callbacks::log_exception(std::string_view what, const std::exception* error) const {
    // Only its type: its text may quote a message, which no log may.
    const std::string thrown =
        error == nullptr ? "something that is no std::exception" : boost::core::demangle(typeid(*error).name());
    log_.write(LogLevel::error, std::string(what) + " threw " + thrown);
}

void Callbacks::check_time(net::Clock::time_point since, std::string_view what) const {
    const auto took = net::Clock::now() - since;
    if (took <= limits_.slow_callback) return;
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    log_.write(LogLevel::warning, std::string(what) + " blocked the loop for " + std::to_string(ms) +
                                      " ms; move such work to another thread");
}

}  // namespace trunkline
