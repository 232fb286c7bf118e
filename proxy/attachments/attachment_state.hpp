#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace trunkline::proxy {

/// Where an attachment is in its life. docs/architecture.md draws this table.
enum class AttachmentState : std::uint8_t {
    unopened,  ///< No app server was chosen yet.
    asking,    ///< The Open asks the app server, and its Accept is awaited. The client has not got its 101.
    open,      ///< Messages go both ways.
    leaving,   ///< The app server drains, but the port has no room for our Detach. The client is not read.
    moving,    ///< Detach was sent. The app server handles what came before it, then answers Detached.
    held,      ///< There is no app server. What the client says is kept for the next one.
    closing,   ///< The connection has ended, but the port has no room for our Close.
    ended,     ///< The app server knows of the end, or there is none to be told.
};

inline constexpr std::size_t kAttachmentStates = static_cast<std::size_t>(AttachmentState::ended) + 1;

namespace detail {

constexpr std::uint8_t states(std::initializer_list<AttachmentState> list) {
    std::uint8_t bits = 0;
    for (const auto state : list) bits = static_cast<std::uint8_t>(bits | 1U << static_cast<unsigned>(state));
    return bits;
}

/// What may follow each state, in the order of the enumerators.
constexpr std::array<std::uint8_t, kAttachmentStates> follow_table() {
    using enum AttachmentState;
    return {
        /* unopened */ states({asking, open}),
        /* asking   */ states({open, closing, ended}),
        /* open     */ states({leaving, held, closing, ended}),
        /* leaving  */ states({moving, held, closing, ended}),
        /* moving   */ states({held, ended}),
        /* held     */ states({open, ended}),
        /* closing  */ states({ended}),
        /* ended    */ states({}),
    };
}

}  // namespace detail

/// Whether an attachment in state `from` may go to state `to`.
constexpr bool may_follow(AttachmentState from, AttachmentState to) noexcept {
    return (detail::follow_table()[static_cast<std::size_t>(from)] >> static_cast<unsigned>(to) & 1U) != 0;
}

}  // namespace trunkline::proxy
