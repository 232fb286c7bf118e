#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tests/load/client.hpp"
#include "tests/load/options.hpp"
#include "tests/load/stamp.hpp"

namespace trunkline::load {

/// What senders of other clients, or of the app server, have sent; complete once nobody sends any more.
class Logs {
  public:
    virtual ~Logs() = default;
    /// Null for a sender of which nothing is known.
    virtual const SendLog* log_of(std::uint32_t sender) const = 0;
};

/// The number under which the app server sends by itself.
inline constexpr std::uint32_t kAppSender = 0xffffffff;

/// What the clients of a run do. One object for all workers: it holds nothing that changes.
class Profile {
  public:
    explicit Profile(const Options& options) : options_(options) {}
    virtual ~Profile() = default;
    static std::unique_ptr<Profile> make(const Options& options);

    /// What is added to the address of this client: `?…`, or nothing.
    virtual std::string query(const Client& client) const;
    /// Whether a client is ready only when the app server has confirmed that it joined.
    virtual bool joins() const { return false; }
    virtual bool reads(const Client&) const { return true; }
    /// Whether clients hear one another, so that every shard has to know what the others' have sent.
    virtual bool hears_others() const { return false; }
    /// Whether what the app server sends by itself has to be compared: it is asked for its log.
    virtual bool app_sends() const { return false; }

    /// The messages begin, all clients being connected.
    virtual void begin(Client& client, std::int64_t now) const = 0;
    /// A time that the client asked for by Worker::wake has come.
    virtual void on_due(Client&, std::int64_t) const {}
    virtual void on_message(Client& client, const Stamp& stamp, std::int64_t now) const = 0;
    /// Whether a message that came to this client is what its sender has sent, but for the numbers of its stamp.
    bool is_as_sent(const Client& client, const Stamp& stamp, std::string_view payload) const;

    /// After the end: what came to this client compared with what had to.
    virtual Verdict judge(const Client& client, const Logs& logs) const = 0;

  protected:
    /// What stands right behind the stamp in each message to this client.
    virtual std::string tail_to(std::uint32_t) const { return {}; }
    /// Of one stream: stranded if the last of what was expected did not come to an open socket.
    static Verdict judge_stream(const Client& client, std::uint32_t sender, Range expected);

    const Options& options_;
};

}  // namespace trunkline::load
