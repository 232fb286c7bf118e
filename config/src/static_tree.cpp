#include "config/static_tree.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "config/file.hpp"

namespace trunkline::config {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kShownFaults = 10;
constexpr const char* kReadable = "a directory that can be read, with all in it";

bool is_hidden(const fs::path& name) {
    const auto& text = name.native();
    return text.starts_with('.') && text != ".well-known";
}

bool is_below(const fs::path& root, const fs::path& path) {
    const auto relative = path.lexically_relative(root);
    return !relative.empty() && *relative.begin() != "..";
}

class Search {
  public:
    StaticTree run(const fs::path& directory) {
        std::error_code ec;
        root_ = fs::canonical(directory, ec);
        if (ec) {
            add_fault(directory, ec.message());
        } else {
            open_.push_back(root_);
        }
        while (!open_.empty()) {
            const fs::path next = std::move(open_.back());
            open_.pop_back();
            list(next);
        }
        finish();
        return std::move(tree_);
    }

  private:
    std::string name_of(const fs::path& path) const { return path.lexically_relative(root_).generic_string(); }

    void add_fault(const fs::path& path, const std::string& why) {
        const std::string name = name_of(path);
        tree_.faults.push_back(
            {(name.empty() || name == "." ? "which" : "with " + name + ", which") + " cannot be read (" + why + ")",
             kReadable});
    }

    void list(const fs::path& directory) {
        std::error_code ec;
        fs::directory_iterator entry(directory, ec);
        for (; !ec && entry != fs::directory_iterator(); entry.increment(ec)) {
            if (++entries_ > kMaxStaticEntries) {
                const std::string most = std::to_string(kMaxStaticEntries) + " files and directories";
                tree_.faults.push_back({"with more than " + most, "at most " + most});
                open_.clear();
                return;
            }
            if (!is_hidden(entry->path().filename())) take(*entry);
        }
        if (ec) add_fault(directory, ec.message());
    }

    void take(const fs::directory_entry& entry) {
        File file{name_of(entry.path()), entry.path()};
        std::error_code ec;
        if (entry.is_symlink(ec)) {
            file.path = fs::canonical(entry.path(), ec);
            if (ec) return add_fault(entry.path(), ec.message());
            if (!is_below(root_, file.path)) {
                tree_.faults.push_back(
                    {"with " + file.name + ", a link that leads out of it", "links that stay inside"});
                return;
            }
        } else if (entry.is_directory(ec)) {
            open_.push_back(entry.path());
            return;
        }
        if (!fs::is_regular_file(file.path, ec)) {
            if (ec) add_fault(entry.path(), ec.message());
            return;
        }
        const std::uint64_t bytes = fs::file_size(file.path, ec);
        if (!ec) ec = regular_file_error(file.path);
        if (ec) return add_fault(entry.path(), ec.message());
        tree_.bytes += bytes;
        tree_.files.push_back(std::move(file));
    }

    void finish() {
        const auto by_name = [](const File& a, const File& b) { return a.name < b.name; };
        const auto by_text = [](const Fault& a, const Fault& b) { return a.found < b.found; };
        std::sort(tree_.files.begin(), tree_.files.end(), by_name);
        auto& faults = tree_.faults;
        std::sort(faults.begin(), faults.end(), by_text);
        if (faults.size() <= kShownFaults) return;
        const std::string more = std::to_string(faults.size() - kShownFaults);
        faults.resize(kShownFaults);
        faults.push_back({"with " + more + " more such faults", kReadable});
    }

    using File = StaticTree::File;
    using Fault = StaticTree::Fault;

    StaticTree tree_;
    fs::path root_;               // canonical
    std::vector<fs::path> open_;  // directories still to be listed
    std::size_t entries_ = 0;
};

}  // namespace

StaticTree find_static_files(const fs::path& directory) { return Search().run(directory); }

}  // namespace trunkline::config
