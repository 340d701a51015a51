#include "controller/open.hpp"

#include <fstream>
#include <iterator>

#include "core/check.hpp"
#include "problem/file.hpp"

namespace mbrl {

std::shared_ptr<Problem> open_problem(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    check(file.is_open(), "cannot open the Problem file ", path);
    std::string bytes;
    try {
        bytes.assign(std::istreambuf_iterator<char>(file), {});
    } catch (const std::ios_base::failure&) {  // a folder opens, but does not read
        fail("cannot read the Problem file ", path);
    }
    check(!file.bad() && !bytes.empty(), "cannot read the Problem file ", path, ": it is empty or no file");
    return load_problem(bytes);
}

}  // namespace mbrl
