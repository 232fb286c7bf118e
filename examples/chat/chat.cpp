// Rooms to talk in. A client connects to /chat?room=...&name=... and sends what it wants to say as text. It gets JSON:
// {"type":"welcome"|"joined"|"left"|"said","id":...,"name":...,"text":...,"here":{id: name, ...}}
// A room is a group, so it works over any number of proxies; who is here is known for this app server's own clients.
#include "../listen_option.hpp"

#include <map>
#include <nlohmann/json.hpp>

using nlohmann::json;
using trunkline::Connection;

/// The value of `name` in a query, percent-decoded.
std::string query_value(std::string_view query, std::string_view name, std::string_view fallback) {
    std::string value;
    for (std::size_t begin = 0; begin < query.size(); begin = std::min(query.size(), query.find('&', begin)) + 1) {
        const auto part = query.substr(begin, query.find('&', begin) - begin);
        if (!part.starts_with(name) || part.substr(name.size(), 1) != "=") continue;
        for (std::size_t i = name.size() + 1; i < part.size(); ++i) {
            const bool escaped = part[i] == '%' && i + 2 < part.size();
            value += escaped ? char(std::stoi("0" + std::string(part.substr(i + 1, 2)), nullptr, 16)) : part[i];
            if (escaped) i += 2;
        }
    }
    return std::string(value.empty() ? fallback : value);
}

struct Guest {
    std::string room, name;
};

class Chat {
  public:
    explicit Chat(trunkline::AppServer& server) : server_(server) {
        server.on_connect([this](const Connection& guest, trunkline::Answer answer) { enter(guest, answer); });
        server.on_message([this](const Connection& guest, const trunkline::Message& message) {
            tell(guest, {{"type", "said"}, {"text", message.bytes}});
        });
        server.on_disconnect([this](const Connection& guest, const trunkline::Disconnect& why) {
            if (!guest.data().has_value()) return;  // it never came in
            auto& room = rooms_[of(guest).room];
            room.erase(std::string(guest.id()));
            if (room.empty()) rooms_.erase(of(guest).room);
            if (why.by != trunkline::ClosedBy::migrated) tell(guest, {{"type", "left"}});  // else it stays in the room
        });
    }

  private:
    static const Guest& of(const Connection& guest) { return *std::any_cast<Guest>(&guest.data()); }

    void enter(const Connection& guest, trunkline::Answer& answer) {
        Guest who{query_value(guest.query(), "room", "lobby"), query_value(guest.query(), "name", "somebody")};
        // In the group before anything else: no message can pass it by. A name that is no UTF-8 is turned away here.
        if (answer.accept({.user = who.name, .groups = {who.room}, .subprotocol = {}})) return;
        rooms_[who.room][std::string(guest.id())] = who.name;
        guest.data() = std::move(who);
        if (guest.opened() != trunkline::Opened::fresh) return;  // it has been here, with another app server
        const json welcome{{"type", "welcome"}, {"id", guest.id()}, {"here", rooms_[of(guest).room]}};
        if (guest.send(welcome.dump())) return;
        tell(guest, {{"type", "joined"}});
    }

    void tell(const Connection& from, json what) {
        what["id"] = from.id();
        what["name"] = of(from).name;
        const auto text = what.dump(-1, ' ', false, json::error_handler_t::replace);  // binary is no text
        if (const auto error = server_.to_group(of(from).room).send(text); error == trunkline::errc::would_block) {
            from.close(1013, "the room is too busy");
        }
    }

    trunkline::AppServer& server_;
    std::map<std::string, std::map<std::string, std::string>> rooms_;  // room -> id -> name; on the loop only
};

int main(int argc, char** argv) {
    const auto address = listen_option(argc, argv);
    trunkline::AppServer server(example_options());
    const Chat chat(server);
    return serve(server, address);
}
