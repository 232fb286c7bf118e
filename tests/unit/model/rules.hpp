#pragma once

namespace trunkline::model {

/// What the processes of the model do as the product does; each mutant breaks one of these rules, and some schedule has
/// to notice.
struct Rules {
    // --- App server: how long it may call back ---
    enum class Lease { answered, heard, lost, any_lane };
    Lease lease = Lease::answered;  ///< what the app window counts from
    enum class Check { every_callback, reading, never };
    Check check = Check::every_callback;  ///< when it is compared, beside a timer
    double app_window = 25;
    bool freezes = true;           ///< a lane without a link calls nothing back
    bool ends_whole = true;        ///< a pool ends with all its lanes
    bool remembers_ended = true;   ///< an Attach to resume an ended pool is answered "unknown"
    bool ends_older_pool = true;   ///< when the same proxy epoch makes a newer one
    bool checks_attempt = true;    ///< an Attach that is not newer than the last is refused
    bool app_closes_older = true;  ///< the link of before is not read after an Attach
    bool acks_handled = true;      ///< not what was only received
    bool waits_for_answer = true;  ///< a drained app server leaves when the proxy has answered on every lane
    enum class Probe { asks, buries, never };
    Probe probe = Probe::asks;  ///< of an older epoch of a proxy, before it is buried
    enum class Answer { stamp, any_byte };
    Answer answer = Answer::stamp;  ///< what shows that the older epoch lives

    // --- Proxy: when a connection may be opened elsewhere ---
    bool proxy_closes_older = true;   ///< a link that fell silent is not read any more
    bool keeps_at_link_loss = true;   ///< the loss of a link is no evidence
    bool waits_for_release = true;    ///< what ended by our will is not open elsewhere before the app server knows
    bool trusts_silence = false;      ///< a new epoch buries the one before even if that is only silent
    bool trusts_middlebox = false;    ///< takes what stands in between for the app server
    bool resumes_at_received = true;  ///< at the byte that the peer said
    bool flags = true;                ///< what is delivered again
    bool closes_killers = true;       ///< who sent what two app servers were lost with
    bool keeps_departed = true;       ///< what a client had sent is handled after it has left
    bool spares_draining = true;      ///< opens nothing at an app server that drains
};

}  // namespace trunkline::model
