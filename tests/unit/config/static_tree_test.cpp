#include "config/static_tree.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "config/file.hpp"
#include "config/loader.hpp"
#include "tests/unit/config/scratch.hpp"

using namespace trunkline::config;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> names(const StaticTree& tree) {
    std::vector<std::string> out;
    for (const auto& file : tree.files) out.push_back(file.name);
    return out;
}

std::vector<std::string> faults(const StaticTree& tree) {
    std::vector<std::string> out;
    for (const auto& fault : tree.faults) out.push_back(fault.found);
    return out;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("static tree: what is served of a directory", "[config][files]") {
    const Scratch scratch;
    scratch.write("www/index.html", "12345");
    scratch.write("www/a/b/c", "123");
    scratch.write("www/.git/config", "secret");
    scratch.write("www/.htaccess", "secret");
    scratch.write("www/.well-known/x", "");
    scratch.pipe("www/pipe");
    scratch.link("www/again", "a/b/c");
    scratch.link("www/circle", ".");
    scratch.link("www/to-pipe", "pipe");

    const auto tree = find_static_files(scratch.path() / "www");
    CHECK(faults(tree).empty());
    CHECK(names(tree) == Texts{".well-known/x", "a/b/c", "again", "index.html"});
    CHECK(tree.files.at(2).path == fs::canonical(scratch.path() / "www/a/b/c"));
    CHECK(tree.bytes == 3 + 3 + 5);
}

TEST_CASE("static tree: each link that leads out is a fault, whatever it leads to", "[config][files]") {
    const Scratch scratch;
    scratch.write("secret", "secret");
    scratch.write("www2/x", "x");
    scratch.write("www/a/index.html", "in");
    scratch.link("www/a/file", "../../secret");
    scratch.link("www/absolute", "/etc/passwd");
    scratch.link("www/device", "/dev/zero");
    scratch.link("www/directory", "..");
    scratch.link("www/sibling", "../www2/x");
    scratch.link("www/nothing", "none");
    scratch.link("www/itself", "itself");

    const auto tree = find_static_files(scratch.path() / "www");
    CHECK(names(tree) == Texts{"a/index.html"});
    CHECK(faults(tree) ==
          Texts{"with a/file, a link that leads out of it", "with absolute, a link that leads out of it",
                "with device, a link that leads out of it", "with directory, a link that leads out of it",
                "with itself, which cannot be read (Too many levels of symbolic links)",
                "with nothing, which cannot be read (No such file or directory)",
                "with sibling, a link that leads out of it"});
}

TEST_CASE("static tree: what cannot be read is a fault each", "[config][files]") {
    const Scratch scratch;
    fs::permissions(scratch.write("www/a.txt", "a"), fs::perms::none);
    scratch.write("www/b.txt", "b");
    scratch.write("www/c/d.txt", "d");
    fs::permissions(scratch.path() / "www/c", fs::perms::none);
    {
        const NotRoot guard(scratch);
        const auto tree = find_static_files(scratch.path() / "www");
        CHECK(names(tree) == Texts{"b.txt"});
        CHECK(faults(tree) == Texts{"with a.txt, which cannot be read (Permission denied)",
                                    "with c, which cannot be read (Permission denied)"});
        CHECK(faults(find_static_files(scratch.path() / "www/c")) == Texts{"which cannot be read (Permission denied)"});
    }
    fs::permissions(scratch.path() / "www/c", fs::perms::owner_all);
    CHECK(faults(find_static_files(scratch.path() / "none")) ==
          Texts{"which cannot be read (No such file or directory)"});
}

TEST_CASE("static tree: many faults are a few lines", "[config][files]") {
    const Scratch scratch;
    for (int i = 10; i < 40; ++i) scratch.write("www/" + std::to_string(i), "");
    for (int i = 10; i < 40; ++i) scratch.link("www/to-nothing-" + std::to_string(i), "none");
    const auto found = faults(find_static_files(scratch.path() / "www"));
    REQUIRE(found.size() == 11);
    CHECK(found.front() == "with to-nothing-10, which cannot be read (No such file or directory)");
    CHECK(found.back() == "with 20 more such faults");
}

TEST_CASE("static tree: a directory is bounded", "[config][files]") {
    const Scratch scratch;
    const auto first = scratch.write("www/0", "");
    for (std::size_t i = 1; i < kMaxStaticEntries; ++i) {
        REQUIRE(::link(first.c_str(), (scratch.path() / "www" / std::to_string(i)).c_str()) == 0);
    }
    CHECK(find_static_files(scratch.path() / "www").files.size() == kMaxStaticEntries);
    scratch.write("www/.hidden", "");
    CHECK(faults(find_static_files(scratch.path() / "www")) == Texts{"with more than 20000 files and directories"});
}

TEST_CASE("static tree: a regular file is read to a limit, anything else is not", "[config][files]") {
    const Scratch scratch;
    const auto file = scratch.write("file", std::string(200'000, 'x'));
    std::error_code ec;
    const auto limit = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{65'535}, std::size_t{65'536},
                                std::size_t{199'999}, std::size_t{200'000}, std::size_t{1} << 30);
    CAPTURE(limit);
    const auto content = read_regular_file(file, limit, ec);
    REQUIRE(content);
    CHECK(content->size() == std::min<std::size_t>(limit + 1, 200'000));

    scratch.pipe("pipe");
    scratch.link("zero", "/dev/zero");
    for (const char* name : {"pipe", "zero", "none", "."}) {
        CAPTURE(name);
        CHECK_FALSE(read_regular_file(scratch.path() / name, limit, ec));
        CHECK(ec);
    }
}

TEST_CASE("static tree: faults are problems of the route, each with its place", "[config][files]") {
    const Scratch scratch;
    const std::string head = "listeners: [{address: '127.0.0.1:8080'}]\nroutes:\n";
    scratch.write("www/index.html", "");
    scratch.write("secret", "");
    scratch.link("www/one", "../secret");
    scratch.link("www/two", "../secret");
    scratch.write("big/part", "");
    fs::resize_file(scratch.path() / "big/part", kMaxStaticBytes);  // takes no room on the disk
    scratch.write("small/part", "1");

    const auto check = [&](const std::string& routes, const Texts& expected) {
        const auto file = scratch.write("t.yaml", head + routes);
        const auto result = load(file);
        Texts lines;
        for (const auto& problem : result.problems) lines.push_back(problem.to_string());
        Texts whole;
        for (const auto& line : expected) whole.push_back(file.string() + line);
        CHECK(lines == whole);
        CHECK(result.settings.has_value() == expected.empty());
    };
    const std::string root = scratch.path().string();
    check("  - {path: /a, files: www}\n  - {path: /b, files: ./www/}\n",  // one directory, said once
          {":3:23: routes.0.files: found \"www\" (" + root +
               "/www) with one, a link that leads out of it, expected links that stay inside",
           ":3:23: routes.0.files: found \"www\" (" + root +
               "/www) with two, a link that leads out of it, expected links that stay inside"});
    check("  - {path: /a, files: big}\n  - {path: /b, files: big}\n", {});
    check(
        "  - {path: /a, files: big}\n  - {path: /b, files: small}\n",
        {":4:23: routes.1.files: found \"small\" (" + root +
         "/small) with 1B, 67108865B with those before it, expected at most 64MiB in all directories of static files"});
    fs::resize_file(scratch.path() / "big/part", kMaxStaticBytes + 1);
    check("  - {path: /a, files: big}\n  - {path: /b, files: small}\n",
          {":3:23: routes.0.files: found \"big\" (" + root +
           "/big) with 67108865B, expected at most 64MiB in all directories of static files"});
}
