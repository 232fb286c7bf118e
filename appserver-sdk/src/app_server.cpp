#include <trunkline/app_server.hpp>

#include <utility>

#include "appserver-sdk/src/core/core.hpp"

namespace trunkline {

AppServer::AppServer(Options options) : core_(std::make_shared<Core>(std::move(options))) {}

// Handles may live longer; their calls answer `closed` then.
AppServer::~AppServer() { core_->shut_down(); }

void AppServer::set_on_connect(std::function<void(const Connection&, Answer)> handler) {
    core_->callbacks.handlers.on_connect = std::move(handler);
}
void AppServer::on_message(std::function<void(const Connection&, const Message&)> handler) {
    core_->callbacks.handlers.on_message = std::move(handler);
}
void AppServer::on_disconnect(std::function<void(const Connection&, const Disconnect&)> handler) {
    core_->callbacks.handlers.on_disconnect = std::move(handler);
}
void AppServer::on_ready(std::function<void()> handler) { core_->callbacks.handlers.on_ready = std::move(handler); }
void AppServer::on_proxy_up(std::function<void(const ProxyInfo&)> handler) {
    core_->callbacks.handlers.on_proxy_up = std::move(handler);
}
void AppServer::on_proxy_lost(std::function<void(const ProxyInfo&)> handler) {
    core_->callbacks.handlers.on_proxy_lost = std::move(handler);
}

Result<std::string> AppServer::listen(std::string_view address) { return core_->listen(address); }
std::error_code AppServer::run() { return core_->run(); }
void AppServer::stop() { core_->life.stop(); }
void AppServer::stop_on_signals() { core_->listen_to_signals(Life::OnTerminate::stop); }
void AppServer::drain() { core_->life.drain(); }
void AppServer::drain_on_signals() { core_->listen_to_signals(Life::OnTerminate::drain); }
void AppServer::post(std::function<void()> task) { core_->calls.post(std::move(task)); }
void AppServer::post_after(std::chrono::milliseconds delay, std::function<void()> task) {
    core_->post_after(delay, std::move(task));
}
bool AppServer::is_on_loop() const noexcept { return core_->calls.is_on_loop(); }

ConnectionTarget AppServer::to_connection(std::string_view id) const {
    return {core_, Target::Set::connection, std::string(id)};
}
GroupTarget AppServer::to_group(std::string_view name) const { return {core_, Target::Set::group, std::string(name)}; }
UserTarget AppServer::to_user(std::string_view id) const { return {core_, Target::Set::user, std::string(id)}; }
AllTarget AppServer::to_all() const { return {core_, Target::Set::all, {}}; }

std::error_code AppServer::send_to(std::string_view id, std::string_view text) const {
    return to_connection(id).send(text);
}

void AppServer::when_writable(WritableCallback callback) const {
    core_->writability.when_writable(nullptr, std::move(callback));
}

WritableAwaiter AppServer::wait_writable() const {
    return WritableAwaiter(
        [core = core_](WritableCallback callback) { core->writability.when_writable(nullptr, std::move(callback)); });
}

std::vector<Connection> AppServer::connections() const {
    std::vector<Connection> all;
    for (auto& state : core_->outgoing.connections()) all.push_back(Core::handle(std::move(state)));
    return all;
}
std::size_t AppServer::connection_count() const noexcept { return core_->outgoing.connection_count(); }
Connection AppServer::find(std::string_view id) const { return Core::handle(core_->outgoing.find(id)); }
std::vector<ProxyInfo> AppServer::proxies() const { return core_->outgoing.proxies(); }

}  // namespace trunkline
