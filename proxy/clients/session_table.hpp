#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace trunkline::proxy {

class Session;

/// The sessions of one worker. Owns them.
class SessionTable {
  public:
    SessionTable();
    ~SessionTable();
    SessionTable(const SessionTable&) = delete;
    SessionTable& operator=(const SessionTable&) = delete;

    Session& add(std::unique_ptr<Session> session);
    /// Takes it out; the caller buries it.
    std::unique_ptr<Session> remove(Session& session);

    std::size_t size() const noexcept { return sessions_.size(); }
    Session& at(std::size_t index) const noexcept { return *sessions_[index]; }

  private:
    std::vector<std::unique_ptr<Session>> sessions_;
};

}  // namespace trunkline::proxy
