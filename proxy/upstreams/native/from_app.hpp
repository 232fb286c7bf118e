#pragma once

#include <type_traits>

#include "proxy/upstreams/native/lane_pool.hpp"
#include "proxy/verbs/verbs.hpp"
#include "trunkline/protocol/service/decode.hpp"

namespace trunkline::proxy {

/// What comes from an app server of the native dialect on one lane, frame by frame: single connections by their chan,
/// the pool, and the verbs, each of which comes on every lane and takes effect on this one for the connections whose
/// home it is (SPEC.md "Order"). Made for one chunk.
class FromApp {
  public:
    FromApp(UpstreamConnections& connections, PoolLane& lane)
        : counters_(connections.worker_counters),
          lane_(lane),
          verbs_(connections, {lane.index, lane.pool().lanes_in()}) {}

    protocol::Result<protocol::Handled> on_sequenced(protocol::Bytes body);
    protocol::Result<void> on_unsequenced(std::uint32_t type, protocol::Bytes body);

    // One connection of this app server, by its chan.
    protocol::Result<void> on(const protocol::Data& message);
    protocol::Result<void> on(const protocol::Accept& message);
    protocol::Result<void> on(const protocol::Close& message);
    protocol::Result<void> on(const protocol::Pause& message);
    protocol::Result<void> on(const protocol::Detached& message);

    // The pool.
    void on(const protocol::Drain& message);
    protocol::Result<void> on(const protocol::Mark& message);
    void on(const protocol::Bye& message) { lane_.pool().on_bye(message); }

    /// A verb; what is to be acknowledged is. All other messages are known and not used here, or not known: skipped, so
    /// that a newer app server may say more.
    template <class Message>
    protocol::Result<void> on(const Message& message) {
        if constexpr (requires(Verbs verbs) { verbs.on(message); }) {
            using Found = decltype(verbs_.on(message));
            if constexpr (std::is_same_v<Found, bool>) {
                return answer(message.ack_id, verbs_.on(message));
            } else {
                verbs_.on(message);
            }
        } else {
            const bool is_known = !std::is_same_v<Message, protocol::UnknownMessage>;
            counters_.drops(is_known ? DropReason::unsupported_verb : DropReason::unknown_frame).add();
        }
        return protocol::success();
    }

  private:
    protocol::Result<Attachment*> find(protocol::Chan chan);
    protocol::Result<void> answer(std::int32_t ack_id, bool found);

    WorkerCounters& counters_;
    PoolLane& lane_;
    Verbs verbs_;
};

}  // namespace trunkline::proxy
