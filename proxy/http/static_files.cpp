#include "proxy/http/static_files.hpp"

#include "config/file.hpp"
#include "config/static_tree.hpp"
#include "proxy/http/http_syntax.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace trunkline::proxy {
namespace fs = std::filesystem;
namespace {

struct Type {
    std::string_view extension;
    std::string_view type;
};
constexpr std::string_view kOtherType = "application/octet-stream";
constexpr Type kTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".htm", "text/html; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".json", "application/json"},
    {".map", "application/json"},
    {".txt", "text/plain; charset=utf-8"},
    {".xml", "application/xml"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".avif", "image/avif"},
    {".ico", "image/x-icon"},
    {".woff", "font/woff"},
    {".woff2", "font/woff2"},
    {".wasm", "application/wasm"},
    {".webmanifest", "application/manifest+json"},
    {".pdf", "application/pdf"},
    {".mp3", "audio/mpeg"},
    {".mp4", "video/mp4"},
};

std::string_view type_of(const fs::path& file) {
    const auto extension = to_lower(file.extension().native());
    for (const auto& [known, type] : kTypes) {
        if (extension == known) return type;
    }
    return kOtherType;
}

/// Names the content, not the file: FNV-1a and the length. Whoever could make a collision could as well change the
/// file.
std::string etag_of(std::string_view content) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : content) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    std::array<char, 16> digits{};
    std::string etag = "\"";
    for (const std::uint64_t number : {hash, static_cast<std::uint64_t>(content.size())}) {
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
        etag.append(digits.data(), end);
    }
    return etag + '"';
}

}  // namespace

StaticFiles::StaticFiles(const fs::path& directory, std::size_t& bytes_left) {
    const auto fault = [&](const std::string& found) {
        return std::runtime_error("static files " + directory.native() + " " + found);
    };
    const auto tree = config::find_static_files(directory);
    if (!tree.faults.empty()) throw fault(tree.faults.front().found);
    for (const auto& [name, path] : tree.files) {
        std::error_code ec;
        auto content = config::read_regular_file(path, bytes_left, ec);
        if (!content) throw fault("with " + name + ", which cannot be read (" + ec.message() + ")");
        if (content->size() > bytes_left) throw fault("with too much: all directories together may have 64 MiB");
        bytes_left -= content->size();
        content->shrink_to_fit();
        auto etag = etag_of(*content);
        files_.emplace(name, StaticFile{std::move(*content), type_of(name), std::move(etag)});
    }
}

const StaticFile* StaticFiles::find(std::string_view name) const {
    if (name.empty() || name.ends_with('/')) {
        const auto found = files_.find(std::string(name) + "index.html");
        return found == files_.end() ? nullptr : &found->second;
    }
    const auto found = files_.find(name);
    return found == files_.end() ? nullptr : &found->second;
}

std::vector<std::shared_ptr<const StaticFiles>> load_static_files(const std::vector<config::RouteSettings>& routes) {
    std::vector<std::shared_ptr<const StaticFiles>> by_route;
    std::map<fs::path, std::shared_ptr<const StaticFiles>> by_directory;
    std::size_t bytes_left = config::kMaxStaticBytes;
    for (const auto& route : routes) {
        std::shared_ptr<const StaticFiles> files;
        if (!route.files.empty()) {
            auto& shared = by_directory[route.files];
            if (!shared) shared = std::make_shared<const StaticFiles>(route.files, bytes_left);
            files = shared;
        }
        by_route.push_back(std::move(files));
    }
    return by_route;
}

}  // namespace trunkline::proxy
