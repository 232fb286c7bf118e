#include "proxy/attachments/app_port.hpp"

#include <cassert>

#include "proxy/attachments/attachment.hpp"

namespace trunkline::proxy {
namespace {

/// Calls `wake(Attachment&)` for all that wait now, not for those that begin to wait meanwhile. Any of them may leave
/// the list while this runs.
template <class Waiters, class Wake>
void wake_all(Waiters& waiters, Wake wake) {
    Waiters woken;
    woken.swap(waiters);
    while (!woken.empty()) {
        auto& attachment = static_cast<Attachment&>(woken.front());
        woken.pop_front();
        wake(attachment);
    }
}

}  // namespace

void AppPort::wait_for_room(Attachment& attachment) {
    assert(!attachment.PortWaiter::is_linked());
    blocked_ = true;
    for_room_.push_back(attachment);
}

void AppPort::wait_for_acknowledgement(Attachment& attachment) {
    assert(!attachment.PortWaiter::is_linked());
    for_acknowledgement_.push_back(attachment);
}

void AppPort::wake_acknowledged() {
    wake_all(for_acknowledgement_, [](Attachment& attachment) { attachment.on_acknowledged(); });
}

void AppPort::unblock() {
    blocked_ = false;
    wake_all(for_room_, [](Attachment& attachment) { attachment.on_room(); });
}

}  // namespace trunkline::proxy
