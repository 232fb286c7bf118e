#include "tests/load/output_file.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace trunkline::load {

std::string why_not_writable(const std::string& path) {
    namespace fs = std::filesystem;
    std::error_code ec;
    const auto status = fs::status(path, ec);
    if (fs::is_directory(status)) return std::strerror(EISDIR);
    fs::path directory = fs::path(path).parent_path();
    directory = (directory.empty() ? "." : directory) / "";
    const bool may_be =
        fs::exists(status) ? ::access(path.c_str(), W_OK) == 0 : ::access(directory.c_str(), W_OK | X_OK) == 0;
    return may_be ? std::string() : std::strerror(errno);
}

bool write_file(const std::string& path, const std::string& content) {
    std::ofstream out(path, std::ios::binary);
    out << content;
    out.close();
    return bool(out);
}

}  // namespace trunkline::load
