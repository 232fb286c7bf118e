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
/// Served are regular files by their path below the directory, `/`-separated, as are links to files inside of it.
/// Names that begin with a dot are not, but for `.well-known`.
class StaticFiles {
  public:
    static constexpr std::size_t kMaxTotalBytes = 64 << 20;  ///< over all directories of a proxy

    /// Takes what it holds off `bytes_left`. Throws `std::runtime_error` naming the directory if it cannot be read,
    /// does not fit into `bytes_left`, or has a link that leads out of it.
    StaticFiles(const std::filesystem::path& directory, std::size_t& bytes_left);

    /// The file of that name; a directory (empty, or ending in a slash) stands for its index.html. Null if there is
    /// none.
    const StaticFile* find(std::string_view name) const;

  private:
    void add(const std::filesystem::path& file, std::string name, std::size_t& bytes_left);

    std::filesystem::path root_;  // canonical
    std::map<std::string, StaticFile, std::less<>> files_;
};

/// The files of each route, by its index; null where it has none. Routes of one directory share it. Throws as
/// StaticFiles does.
std::vector<std::shared_ptr<const StaticFiles>> load_static_files(const std::vector<config::RouteSettings>& routes);

}  // namespace trunkline::proxy
