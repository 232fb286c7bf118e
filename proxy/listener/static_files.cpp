#include "proxy/listener/static_files.hpp"

#include "proxy/listener/http_syntax.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <stdexcept>

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

bool is_hidden(const fs::path& name) {
    const auto& text = name.native();
    return text.starts_with('.') && text != ".well-known";
}

bool is_below(const fs::path& root, const fs::path& path) {
    const auto relative = path.lexically_relative(root);
    return !relative.empty() && *relative.begin() != "..";
}

}  // namespace

StaticFiles::StaticFiles(const fs::path& directory, std::size_t& bytes_left) {
    try {
        root_ = fs::canonical(directory);
        for (fs::recursive_directory_iterator entry(root_), end; entry != end; ++entry) {
            if (is_hidden(entry->path().filename())) {
                entry.disable_recursion_pending();
                continue;
            }
            // Links to directories are not followed, so there are no circles; links to files are, where they stay
            // inside.
            if (entry->is_symlink() && !is_below(root_, fs::canonical(entry->path()))) {
                throw std::runtime_error("the link " + entry->path().native() + " leads out of it");
            }
            if (!entry->is_regular_file()) continue;
            add(entry->path(), entry->path().lexically_relative(root_).generic_string(), bytes_left);
        }
    } catch (const std::exception& error) {
        throw std::runtime_error("static files " + directory.native() + ": " + error.what());
    }
}

void StaticFiles::add(const fs::path& file, std::string name, std::size_t& bytes_left) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw std::runtime_error("cannot read " + file.native());

    StaticFile loaded;
    std::array<char, 16 << 10> block;
    while (stream.read(block.data(), block.size()), stream.gcount() > 0) {
        const auto bytes = static_cast<std::size_t>(stream.gcount());
        if (bytes > bytes_left) throw std::runtime_error("all static files together may have 64 MiB");
        bytes_left -= bytes;
        loaded.content.append(block.data(), bytes);
    }
    if (stream.bad()) throw std::runtime_error("cannot read " + file.native());
    loaded.content.shrink_to_fit();
    loaded.type = type_of(file);
    loaded.etag = etag_of(loaded.content);
    files_.emplace(std::move(name), std::move(loaded));
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
    std::size_t bytes_left = StaticFiles::kMaxTotalBytes;
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
