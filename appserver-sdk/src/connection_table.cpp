#include "appserver-sdk/src/connection_table.hpp"

#include <algorithm>

namespace trunkline {

bool ConnectionTable::insert(protocol::Chan chan, Connection connection) {
    if (number(chan) == 0 || number(chan) > highest_ + kMaxAhead) return false;
    const auto page = page_of(chan);
    if (page < first_page_) return false;
    while (page - first_page_ >= pages_.size()) pages_.emplace_back();
    Place& place = pages_[page - first_page_];
    if (place.has_ended) return false;
    if (!place.page) {
        place.page = std::make_unique<Page>();
        if (page == 0) place.page->ended = 1;  // there is no chan 0
    }
    Connection& slot = place.page->slots[number(chan) % kPageChans];
    if (slot) return false;
    slot = std::move(connection);
    highest_ = std::max(highest_, number(chan));
    ++size_;
    return true;
}

void ConnectionTable::erase(protocol::Chan chan) noexcept {
    if (find(chan) == nullptr) return;
    Place& place = pages_[page_of(chan) - first_page_];
    place.page->slots[number(chan) % kPageChans] = {};
    --size_;
    if (++place.page->ended == kPageChans) {
        place.page.reset();
        place.has_ended = true;
    }
    while (!pages_.empty() && pages_.front().has_ended) {
        pages_.pop_front();
        ++first_page_;
    }
}

std::vector<Connection> ConnectionTable::take_all() {
    std::vector<Connection> all;
    all.reserve(size_);
    for (const auto& place : pages_) {
        if (!place.page) continue;
        for (Connection& connection : place.page->slots) {
            if (connection) all.push_back(std::move(connection));
        }
    }
    first_page_ += pages_.size();
    pages_.clear();
    size_ = 0;
    return all;
}

}  // namespace trunkline
