#include "proxy/http/static_files.hpp"

#include "config/static_tree.hpp"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

using namespace trunkline;
using namespace trunkline::proxy;
namespace fs = std::filesystem;

namespace {

/// A directory of its own with a tree that is gone with it.
class Tree {
  public:
    Tree() {
        auto pattern = (fs::temp_directory_path() / "trunkline-files-XXXXXX").native();
        REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        root_ = pattern;
        fs::create_directory(www());
    }
    ~Tree() { fs::remove_all(root_); }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;

    fs::path root() const { return root_; }
    fs::path www() const { return root_ / "www"; }

    fs::path write(const fs::path& file, std::string_view content) const {
        fs::create_directories((root_ / file).parent_path());
        std::ofstream(root_ / file, std::ios::binary) << content;
        return root_ / file;
    }
    void link(const fs::path& file, const fs::path& target) const { fs::create_symlink(target, root_ / file); }

  private:
    fs::path root_;
};

std::string load_error(const fs::path& directory, std::size_t bytes_left = config::kMaxStaticBytes) {
    try {
        const StaticFiles files(directory, bytes_left);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "";
}

}  // namespace

TEST_CASE("StaticFiles: serves a tree by relative names", "[proxy][listener][files]") {
    const Tree tree;
    tree.write("www/index.html", "<p>");
    tree.write("www/app.JS", "1");
    tree.write("www/a/b/c", std::string("\0x", 2));
    tree.write("www/a/index.html", "a");
    tree.write("www/empty.css", "");
    tree.write("www/.git/config", "secret");
    tree.write("www/.htaccess", "secret");
    tree.write("www/.well-known/x.txt", "x");
    std::size_t left = 100;
    const StaticFiles files(tree.www(), left);
    CHECK(left == 100 - 3 - 1 - 2 - 1 - 0 - 1);

    struct Row {
        std::string name, content, type;
    };
    for (const auto& row : std::vector<Row>{{"", "<p>", "text/html; charset=utf-8"},
                                            {"index.html", "<p>", "text/html; charset=utf-8"},
                                            {"app.JS", "1", "text/javascript; charset=utf-8"},
                                            {"a/", "a", "text/html; charset=utf-8"},
                                            {"a/b/c", std::string("\0x", 2), "application/octet-stream"},
                                            {"empty.css", "", "text/css; charset=utf-8"},
                                            {".well-known/x.txt", "x", "text/plain; charset=utf-8"}}) {
        CAPTURE(row.name);
        const auto* file = files.find(row.name);
        REQUIRE(file != nullptr);
        CHECK(file->content == row.content);
        CHECK(file->type == row.type);
        CHECK(file->etag.starts_with('"'));
        CHECK(file->etag.ends_with('"'));
    }
    for (const char* name : {"a", "a/b", "a/b/", "/index.html", "//", "a//index.html", ".git/config", ".htaccess", "x",
                             "../secret", "INDEX.HTML"}) {
        CAPTURE(name);
        CHECK(files.find(name) == nullptr);
    }
    CHECK(files.find("")->etag != files.find("a/")->etag);
}

TEST_CASE("StaticFiles: links stay inside or are refused by name", "[proxy][listener][files]") {
    const Tree tree;
    tree.write("secret", "secret");
    tree.write("www/..data/index.html", "in");
    tree.link("www/..current", "..data");
    tree.link("www/index.html", "..current/index.html");  // as a mounted config map has it
    tree.link("www/loop", ".");

    SECTION("inside") {
        std::size_t left = 100;
        const StaticFiles files(tree.www(), left);
        REQUIRE(files.find("") != nullptr);
        CHECK(files.find("")->content == "in");
        CHECK(files.find("loop/index.html") == nullptr);
    }
    SECTION("a file outside") {
        tree.link("www/out", "../secret");
        CHECK_THAT(load_error(tree.www()), Catch::Contains("www with out, ") && Catch::Contains("leads out"));
    }
    SECTION("a directory outside") {
        tree.link("www/out", "..");
        CHECK_THAT(load_error(tree.www()), Catch::Contains("www with out, "));
    }
    SECTION("a sibling whose name begins alike") {
        tree.write("www2/x", "x");
        tree.link("www/out", "../www2/x");
        CHECK_THAT(load_error(tree.www()), Catch::Contains("www with out, "));
    }
    SECTION("a link to nothing") {
        tree.link("www/out", "nothing");
        CHECK_THAT(load_error(tree.www()), Catch::Contains("www with out, "));
    }
}

TEST_CASE("StaticFiles: what cannot be served names the directory", "[proxy][listener][files]") {
    const Tree tree;
    CHECK_THAT(load_error(tree.root() / "none"), Catch::Contains((tree.root() / "none").native()));
    CHECK_THAT(load_error(tree.write("file", "x")), Catch::Contains("file"));

    tree.write("www/a", "12345");
    tree.write("www/b", "12345");
    CHECK(load_error(tree.www(), 10).empty());
    CHECK_THAT(load_error(tree.www(), 9), Catch::Contains("64 MiB") && Catch::Contains(tree.www().native()));
}

TEST_CASE("StaticFiles: routes of one directory share it", "[proxy][listener][files]") {
    const Tree tree;
    tree.write("www/index.html", "x");
    std::vector<config::RouteSettings> routes(3);
    routes[0].files = tree.www();
    routes[1].upstream = "app";
    routes[2].files = tree.www();
    const auto files = load_static_files(routes);
    REQUIRE(files.size() == 3);
    CHECK(files[0] != nullptr);
    CHECK(files[1] == nullptr);
    CHECK(files[2] == files[0]);
}
