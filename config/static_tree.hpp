#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace trunkline::config {

inline constexpr std::uint64_t kMaxStaticBytes = 64 << 20;  ///< of content, over all directories of a proxy
inline constexpr std::size_t kMaxStaticEntries = 20'000;    ///< files and directories below one, hidden ones counted

/// What a directory of static files has to serve, found but not read: regular files by their path below it, and links
/// to such files inside of it. Names that begin with a dot are left out, but for `.well-known`; so is what is neither
/// file nor directory (pipes, sockets, devices). Links to directories are not followed, so there are no circles.
struct StaticTree {
    struct File {
        std::string name;            ///< below the directory, `/`-separated
        std::filesystem::path path;  ///< canonical: of the file that a link leads to
    };
    /// Something that keeps the directory from being served: as found, to be read behind the directory's name
    /// ("with index.html, which …"), and what was expected.
    struct Fault {
        std::string found;
        std::string expected;
    };

    std::vector<File> files;    ///< by name
    std::uint64_t bytes = 0;    ///< of all files, as the file system says
    std::vector<Fault> faults;  ///< by text; of many of them the first ten, and their number
};

/// Looks through `directory`. A link that leads out of it or to nothing, and what cannot be read, is a fault. Reads
/// nothing but directories; bounded by kMaxStaticEntries.
StaticTree find_static_files(const std::filesystem::path& directory);

}  // namespace trunkline::config
