#include "proxy/clients/session_table.hpp"

#include "proxy/clients/session.hpp"

namespace trunkline::proxy {

SessionTable::SessionTable() = default;
SessionTable::~SessionTable() = default;

Session& SessionTable::add(std::unique_ptr<Session> session) {
    session->table_index_ = static_cast<std::uint32_t>(sessions_.size());
    sessions_.push_back(std::move(session));
    return *sessions_.back();
}

std::unique_ptr<Session> SessionTable::remove(Session& session) {
    const auto index = session.table_index_;
    auto out = std::move(sessions_[index]);
    if (index + 1 != sessions_.size()) {
        sessions_[index] = std::move(sessions_.back());
        sessions_[index]->table_index_ = index;
    }
    sessions_.pop_back();
    return out;
}

}  // namespace trunkline::proxy
