// A ticker: every client of the upstream, whichever proxy and app server holds it, gets a line ten times a second.
#include "../listen_option.hpp"

#include <chrono>

using namespace std::chrono_literals;

class Ticker {
  public:
    explicit Ticker(trunkline::AppServer& server) : server_(server) {}

    void tick() {
        // A tick that finds no room is left out: the next one is newer anyhow.
        const auto error = server_.to_all().send("{\"tick\":" + std::to_string(++count_) + "}");
        if (error == trunkline::errc::would_block) ++left_out_;
        server_.post_after(100ms, [this] { tick(); });
    }

    unsigned long long left_out() const { return left_out_; }

  private:
    trunkline::AppServer& server_;
    unsigned long long count_ = 0;
    unsigned long long left_out_ = 0;
};

int main(int argc, char** argv) {
    const auto address = listen_option(argc, argv);
    trunkline::AppServer server(example_options());
    Ticker ticker(server);
    // Once the proxies had time to link up, so that the first ticks reach everybody.
    server.on_ready([&] { ticker.tick(); });
    const int code = serve(server, address);
    std::fprintf(stderr, "%llu ticks were left out\n", ticker.left_out());
    return code;
}
