#pragma once

#include "config/settings.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace trunkline::proxy {

/// A file as it was when the proxy started.
struct StaticFile {
    std::string content;
    std::string_view type;  ///< by extension; static storage
    std::string etag;       ///< strong, quoted
};

/// The files of one directory, read once: what is served can neither change under an answer nor be a file that got
/// there later, and a request costs no disk. Immutable after construction, shared by all workers.
///
/// What of a directory is served, and by which name, `config/static_tree.hpp` says.
class StaticFiles {
  public:
    /// Takes what it holds off `bytes_left`. Throws `std::runtime_error` naming the directory if it has a fault
    /// (`config::StaticTree`), cannot be read or does not fit into `bytes_left`: the loader has seen to that, so it
    /// has changed meanwhile.
    StaticFiles(const std::filesystem::path& directory, std::size_t& bytes_left);

    /// The file of that name; a directory (empty, or ending in a slash) stands for its index.html. Null if there is
    /// none.
    const StaticFile* find(std::string_view name) const;

  private:
    std::map<std::string, StaticFile, std::less<>> files_;
};

/// The files of each route, by its index; null where it has none. Routes of one directory share it, and all of them
/// have config::kMaxStaticBytes. Throws as StaticFiles does.
std::vector<std::shared_ptr<const StaticFiles>> load_static_files(const std::vector<config::RouteSettings>& routes);

}  // namespace trunkline::proxy
