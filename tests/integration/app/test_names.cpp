// Preloaded into a proxy: answers its look-ups of names that end in ".test" from the file in $TRUNKLINE_TEST_NAMES,
// which may change meanwhile. A line is a name and its IPv4 addresses, or a name and "slow" for a look-up that takes
// ten minutes; no line, no such name. Each look-up appends its name to that file's name with ".asked".
#include <dlfcn.h>
#include <netdb.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

namespace {

using Lookup = int (*)(const char*, const char*, const addrinfo*, addrinfo**);

std::string line_of(const std::string& path, const std::string& wanted) {
    std::ifstream names(path);
    for (std::string line; std::getline(names, line);) {
        if (line.starts_with(wanted + ' ')) return line.substr(wanted.size());
    }
    return {};
}

}  // namespace

extern "C" int getaddrinfo(const char* name, const char* service, const addrinfo* hints, addrinfo** found) {
    static const auto real = reinterpret_cast<Lookup>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    const char* path = std::getenv("TRUNKLINE_TEST_NAMES");
    if (path == nullptr || name == nullptr || !std::string(name).ends_with(".test")) {
        return real(name, service, hints, found);
    }
    std::ofstream(path + std::string(".asked"), std::ios::app) << name << std::endl;

    std::istringstream addresses(line_of(path, name));
    addrinfo** end = found;
    *found = nullptr;
    for (std::string address; addresses >> address;) {
        if (address == "slow") ::sleep(600);
        // freeaddrinfo frees node by node, so lists may be joined.
        if (const int error = real(address.c_str(), service, hints, end)) return error;
        while (*end != nullptr) end = &(*end)->ai_next;
    }
    return *found == nullptr ? EAI_NONAME : 0;
}
