#include "appserver-sdk/src/connection_table.hpp"

#include <algorithm>

namespace trunkline {

bool ConnectionTable::insert(protocol::Chan chan, Connection connection) {
    if (number(chan) == 0 || number(chan) > highest_ + kMaxAhead) return false;
    const auto page = page_of(chan);
    if (page < first_page_) return false;
    while (page - first_page_ >= pages_.size()) {
        auto added = std::make_unique<Page>();
        if (first_page_ + pages_.size() == 0) added->ended = 1;  // there is no chan 0
        pages_.push_back(std::move(added));
    }
    if (!pages_[page - first_page_]) return false;
    Connection& slot = pages_[page - first_page_]->slots[number(chan) % kPageChans];
    if (slot) return false;
    slot = std::move(connection);
    highest_ = std::max(highest_, number(chan));
    ++size_;
    return true;
}

void ConnectionTable::erase(protocol::Chan chan) noexcept {
    if (find(chan) == nullptr) return;
    auto& page = pages_[page_of(chan) - first_page_];
    page->slots[number(chan) % kPageChans] = {};
    --size_;
    if (++page->ended == kPageChans) page.reset();
    while (!pages_.empty() && !pages_.front()) {
        pages_.pop_front();
        ++first_page_;
    }
}

std::vector<Connection> ConnectionTable::take_all() {
    std::vector<Connection> all;
    all.reserve(size_);
    for (const auto& page : pages_) {
        if (!page) continue;
        for (Connection& connection : page->slots) {
            if (connection) all.push_back(std::move(connection));
        }
    }
    first_page_ += pages_.size();
    pages_.clear();
    size_ = 0;
    return all;
}

}  // namespace trunkline
