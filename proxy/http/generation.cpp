#include "proxy/http/generation.hpp"

#include <utility>

namespace trunkline::proxy {

Generation::Generation(config::Settings loaded)
    : settings(std::move(loaded)), rules(settings.routes), files(load_static_files(settings.routes)) {}

}  // namespace trunkline::proxy
