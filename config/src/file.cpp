#include "config/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace trunkline::config {

namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }

class File {
  public:
    // Without O_NONBLOCK the open of a pipe waits for its other end.
    explicit File(const std::filesystem::path& path) : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)) {
        struct stat status {};
        if (fd_ < 0 || ::fstat(fd_, &status) != 0) {
            error_ = last_error();
        } else if (!S_ISREG(status.st_mode)) {
            error_ = S_ISDIR(status.st_mode) ? std::make_error_code(std::errc::is_a_directory)
                                             : std::error_code(ENOTSUP, std::generic_category());
        }
    }
    ~File() {
        if (fd_ >= 0) ::close(fd_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    int fd() const { return fd_; }
    std::error_code error() const { return error_; }

  private:
    int fd_;
    std::error_code error_;
};

}  // namespace

std::optional<std::string> read_regular_file(const std::filesystem::path& path, std::size_t limit,
                                             std::error_code& ec) {
    constexpr std::size_t kBlockBytes = 64 << 10;
    const File file(path);
    ec = file.error();
    if (ec) return std::nullopt;
    std::string content;
    for (;;) {
        const std::size_t held = content.size();
        content.resize(held + std::min(kBlockBytes, limit + 1 - held));
        const ssize_t got = ::read(file.fd(), content.data() + held, content.size() - held);
        if (got < 0 && errno != EINTR) {
            ec = last_error();
            return std::nullopt;
        }
        content.resize(held + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        if (got == 0 || content.size() > limit) return content;
    }
}

std::error_code regular_file_error(const std::filesystem::path& path) { return File(path).error(); }

}  // namespace trunkline::config
