#pragma once

#include <sys/fsuid.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

/// A directory of its own, gone at the end.
class Scratch {
  public:
    Scratch() {
        std::string name = (std::filesystem::temp_directory_path() / "trunkline-config-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~Scratch() {
        std::error_code ec;
        std::filesystem::remove_all(path_, ec);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::filesystem::path write(const std::filesystem::path& name, std::string_view content) const {
        std::filesystem::create_directories((path_ / name).parent_path());
        std::ofstream(path_ / name, std::ios::binary) << content;
        return path_ / name;
    }
    void link(const std::filesystem::path& name, const std::filesystem::path& target) const {
        std::filesystem::create_symlink(target, path_ / name);
    }
    void pipe(const std::filesystem::path& name) const { REQUIRE(mkfifo((path_ / name).c_str(), 0600) == 0); }

    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// While it lives, permissions count for this thread even where the tests run as root.
class NotRoot {
  public:
    explicit NotRoot(const Scratch& scratch) {
        ::chmod(scratch.path().c_str(), 0755);
        ::setfsuid(65534);
    }
    ~NotRoot() { ::setfsuid(::geteuid()); }
    NotRoot(const NotRoot&) = delete;
    NotRoot& operator=(const NotRoot&) = delete;
};
