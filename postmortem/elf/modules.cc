#include "postmortem/elf/modules.h"

#include <algorithm>
#include <map>

#include "postmortem/elf/main_program.h"

namespace inquest::elf {
namespace {

// Mappings that have a path but no file behind it (shared memory, memfd, devices).
bool is_special(const std::string& path) {
  if (!path.starts_with('/')) return true;
  for (const char* prefix : {"/dev/", "/memfd:", "/SYSV", "/proc/", "/anon_hugepage"})
    if (path.starts_with(prefix)) return true;
  return false;
}

// Dumped bytes of the mapped file from `offset` on.
Bytes core_bytes_at(const CoreFile& core, const MappedObject& object, uint64_t offset, uint64_t size) {
  for (const FileMapping* piece : object.pieces) {
    if (offset - piece->file_offset >= piece->end - piece->start) continue;
    uint64_t inside = offset - piece->file_offset;
    Bytes bytes = core.memory(piece->start + inside, std::min(size, piece->end - piece->start - inside));
    if (!bytes.empty()) return bytes;
  }
  return {};
}

CoreIdentity identify(const CoreFile& core, const MappedObject& object) {
  CoreIdentity identity;
  identity.first_page = core_bytes_at(core, object, 0, kPageSize);
  identity.headers = parse_headers(identity.first_page);
  if (identity.headers)
    identity.build_id = find_build_id(
        *identity.headers, [&](uint64_t offset, uint64_t size) { return core_bytes_at(core, object, offset, size); });
  return identity;
}

bool has_executable_piece(const CoreFile& core, const MappedObject& object) {
  return std::any_of(object.pieces.begin(), object.pieces.end(), [&core](const FileMapping* piece) {
    const CoreSegment* segment = core.segment_of(piece->start);
    return segment && (segment->flags & PF_X);
  });
}

std::vector<MappedObject> group_by_path(const CoreNotes& notes, std::vector<int>& object_of_mapping) {
  std::vector<MappedObject> objects;
  std::map<std::string_view, int> by_path;
  for (const FileMapping& mapping : notes.files) {
    if (is_special(mapping.path)) {
      object_of_mapping.push_back(-1);
      continue;
    }
    auto [at, is_new] = by_path.try_emplace(mapping.path, static_cast<int>(objects.size()));
    if (is_new) objects.emplace_back().path = mapping.path;
    objects[at->second].pieces.push_back(&mapping);
    object_of_mapping.push_back(at->second);
  }
  return objects;
}

/// Pieces of one object that share a bias.
struct Load {
  uint64_t bias = 0;
  std::vector<const FileMapping*> pieces;
  bool has_header() const {
    return std::any_of(pieces.begin(), pieces.end(), [](const FileMapping* p) { return p->file_offset == 0; });
  }
};

// Without program headers the bias is guessed as for a library linked at 0. Its segments lie further apart in memory
// than in the file by their alignment at most, so pieces whose guesses differ by less belong together.
constexpr uint64_t kGuessSlack = 64 << 20;

std::vector<Load> split_loads(const MappedObject& object, const ElfHeaders* headers) {
  std::vector<Load> loads;
  for (const FileMapping* piece : object.pieces) {
    std::vector<uint64_t> biases;
    if (headers)
      for (uint64_t vaddr : headers->vaddrs_of(piece->file_offset)) biases.push_back(piece->start - vaddr);
    bool known = !biases.empty();
    if (!known) biases.push_back(piece->start - piece->file_offset);
    auto fits = [&](const Load& load) {
      if (known) return std::find(biases.begin(), biases.end(), load.bias) != biases.end();
      return biases[0] - load.bias < kGuessSlack;
    };
    auto load = std::find_if(loads.begin(), loads.end(), fits);
    if (load == loads.end()) load = loads.insert(loads.end(), Load{biases[0], {}});
    load->pieces.push_back(piece);
  }
  auto main_load = std::find_if(loads.begin(), loads.end(), [](const Load& load) { return load.has_header(); });
  if (main_load != loads.end()) std::rotate(loads.begin(), main_load, main_load + 1);
  return loads;
}

// The end of the module's .bss, which is anonymous memory behind the last piece; never into the next mapped file.
uint64_t end_with_bss(const Load& load, const ElfHeaders& headers, const CoreNotes& notes) {
  uint64_t end = load.pieces.back()->end;
  uint64_t wanted = end;
  for (const Elf64_Phdr& segment : headers.segments)
    if (segment.p_type == PT_LOAD)
      wanted = std::max(wanted, round_up(load.bias + segment.p_vaddr + segment.p_memsz, kPageSize));
  for (const FileMapping& mapping : notes.files)
    if (mapping.start >= end) return std::min(wanted, mapping.start);
  return wanted;
}

// The file's own symbols, those of its debug file where it was stripped or is missing; null when there are none.
std::shared_ptr<const SymbolSource> symbols_of(const MappedObject& object, const FileResolver& resolver) {
  const auto& image = object.choice.image;
  if (image && image->has_full_symbols()) return ElfImage::symbols(image);
  auto debug = resolver.debug_file(image ? image->build_id() : object.identity.build_id);
  return image || debug ? ElfImage::symbols(image, debug) : nullptr;
}

void add_modules(ModuleMap& map, const MappedObject& object, const CoreNotes& notes, const FileResolver& resolver,
                 bool is_main) {
  const ElfHeaders* headers = object.offsets();
  auto symbols = symbols_of(object, resolver);
  bool first = true;
  for (const Load& load : split_loads(object, headers)) {
    Module module;
    module.path = object.path;
    if (object.choice.image) module.file = object.choice.image->file()->path();
    module.build_id = object.identity.build_id;
    if (module.build_id.empty() && object.choice.image) module.build_id = object.choice.image->build_id();
    module.start = Address(load.pieces.front()->start);
    module.end = Address(load.pieces.back()->end);
    if (first && headers) module.end = Address(end_with_bss(load, *headers, notes));
    module.bias = load.bias;
    module.is_executable = is_main && first;
    module.is_copy = !first;
    module.missing = object.choice.missing;
    module.tried = object.choice.tried;
    module.symbols = symbols;
    const Elf64_Phdr* tls = headers ? headers->tls() : nullptr;
    if (tls && first) {
      module.tls_image_size = tls->p_memsz;
      module.tls_alignment = std::max<uint64_t>(tls->p_align, 1);
    }
    map.modules.push_back(std::move(module));
    map.headers.push_back(headers ? std::optional(*headers) : std::nullopt);
    first = false;
  }
}

// The vdso is the only ELF image that is in no file; the kernel always dumps it. Where the end of a truncated core cuts
// it off, its place at least is known: it is linked at 0. The vdso of the running kernel cannot stand in for it,
// because the build-id that would prove it the same is cut off too.
void add_vdso(ModuleMap& map, const CoreFile& core, const CoreNotes& notes) {
  auto address = notes.auxv(AT_SYSINFO_EHDR);
  if (!address) return;
  constexpr uint64_t kMaxVdso = 64 * 1024;  // two pages in practice
  Bytes bytes = core.memory(*address, kMaxVdso);
  auto image = ElfImage::from_bytes(bytes);
  const CoreSegment* segment = core.segment_of(*address);
  bool is_cut = segment != nullptr && segment->available < segment->dumped;
  if (!image && !is_cut) return;
  Module module;
  module.path = "[vdso]";
  module.start = Address(*address);
  module.end = is_cut ? Address(*address + std::min(kMaxVdso, segment->end() - *address)) : module.start + bytes.size();
  module.bias = *address;
  if (image) {
    module.build_id = image->build_id();
    module.bias -= image->headers().vaddr_of(0).value_or(0);
    module.symbols = ElfImage::symbols(image);
  }
  map.modules.push_back(std::move(module));
  map.headers.push_back(image ? std::optional(image->headers()) : std::nullopt);
}

void sort_modules(ModuleMap& map) {
  std::vector<size_t> order(map.modules.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&map](size_t a, size_t b) {
    const Module &x = map.modules[a], &y = map.modules[b];
    return x.is_executable != y.is_executable ? x.is_executable : x.start < y.start;
  });
  std::vector<Module> modules;
  std::vector<std::optional<ElfHeaders>> headers;
  for (size_t i : order) {
    modules.push_back(std::move(map.modules[i]));
    headers.push_back(std::move(map.headers[i]));
  }
  map.modules = std::move(modules);
  map.headers = std::move(headers);
}

}  // namespace

const ElfHeaders* MappedObject::offsets() const {
  if (identity.headers && identity.headers->complete()) return &*identity.headers;
  if (choice.image) return &choice.image->headers();
  return identity.headers ? &*identity.headers : nullptr;
}

Bytes MappedObject::file_bytes(const FileMapping& piece, uint64_t address, uint64_t limit) const {
  if (!choice.image) return {};
  FileRun run{piece.file_offset + (address - piece.start), limit};
  const ElfHeaders& mapped = *offsets();
  if (!same_layout(mapped, choice.image->headers())) {
    // A page at the border of two segments is mapped for both: the piece is the one that lies at the file's own bias.
    auto vaddrs = mapped.vaddrs_of(run.offset);
    auto with_header =
        std::find_if(pieces.begin(), pieces.end(), [](const FileMapping* p) { return p->file_offset == 0; });
    const FileMapping* first = with_header != pieces.end() ? *with_header : pieces.front();
    uint64_t bias = first->start - mapped.vaddr_of(first->file_offset).value_or(0);
    auto own = std::find(vaddrs.begin(), vaddrs.end(), address - bias);
    auto found =
        vaddrs.empty() ? std::nullopt : choice.image->headers().mapped_at(own != vaddrs.end() ? *own : vaddrs[0]);
    if (!found) return {};
    run = {found->offset, std::min(limit, found->size)};
  }
  return slice(choice.image->file()->whole_pages(), run.offset, run.size);
}

Result<ModuleMap> find_modules(const CoreFile& core, const CoreNotes& notes, const FileResolver& resolver,
                               const std::string& executable) {
  ModuleMap map;
  map.objects = group_by_path(notes, map.object_of_mapping);
  for (MappedObject& object : map.objects) object.identity = identify(core, object);
  int main_index = main_object(core, notes, map);
  for (size_t i = 0; i < map.objects.size(); ++i) {
    MappedObject& object = map.objects[i];
    bool is_main = static_cast<int>(i) == main_index;
    if (is_main && !executable.empty()) {
      auto choice = use_executable(executable, object, notes);
      if (!choice) return std::move(choice).error();
      object.choice = std::move(*choice);
    } else {
      object.choice = resolver.resolve(object.path, object.identity);
      if (is_main) refuse_unfit(object, notes);
    }
    object.is_elf = is_main || object.choice.image || object.identity.headers ||
                    (!object.choice.not_elf && has_executable_piece(core, object));
    if (object.is_elf) add_modules(map, object, notes, resolver, is_main);
  }
  if (!executable.empty() && main_index < 0)
    return unusable(
        "the executable " + executable + " cannot be placed: the core does not say where its program was mapped",
        "leave the option out");
  add_vdso(map, core, notes);
  sort_modules(map);
  return map;
}

}  // namespace inquest::elf
