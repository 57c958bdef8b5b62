"""The documentation of the running Python's standard library as entries: real text that is on every machine.

Sources are parsed, never imported, so that `import this` prints nothing. Only what has no source, a fixed list of
modules, is imported and inspected.
"""

import importlib
import importlib.util
import inspect
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from csplade.pipelines.docstrings import Entry, Module, entry, read_module
from csplade.pipelines.errors import SourceError

# Names, and all that is below them. Tests, programs, and modules that do something when imported:
_NO_LIBRARY = """
    antigravity ctypes.test ensurepip idlelib lib2to3 pydoc pydoc_data test this tkinter turtle turtledemo unittest.test
""".split()
# Left Python in 3.12 to 3.14: without them, entries differ less between versions.
_GONE = """
    aifc asynchat asyncio.AbstractChildWatcher asyncio.AbstractEventLoopPolicy asyncore audioop cgi cgitb chunk
    configparser.LegacyInterpolation configparser.SafeConfigParser crypt distutils http.server.CGIHTTPRequestHandler
    imghdr imp importlib.util.module_for_loader importlib.util.set_loader importlib.util.set_package locale.resetlocale
    mailcap msilib nis nntplib ossaudiodev pathlib.Path.link_to pipes pkgutil.ImpImporter pkgutil.ImpLoader re.template
    smtpd sndhdr spwd sqlite3.enable_shared_cache ssl.match_hostname sunau telnetlib
    unittest.TestCase.assertDictContainsSubset urllib.request.FancyURLopener urllib.request.URLopener uu xdrlib
    xml.etree.ElementTree.Element.copy
""".split()
# Parts that their own authors call, or whose methods repeat those of a neighbour that is here: kept out so that
# encoding everything is a matter of minutes.
_INNER = """
    array asyncio.AbstractEventLoop asyncio.AbstractServer asyncio.base_futures asyncio.BaseProtocol
    asyncio.BaseTransport asyncio.BufferedProtocol asyncio.DatagramProtocol asyncio.DatagramTransport
    asyncio.format_helpers asyncio.Handle asyncio.proactor_events asyncio.Protocol asyncio.Queue
    asyncio.ReadTransport asyncio.selector_events asyncio.sslproto asyncio.staggered asyncio.SubprocessProtocol
    asyncio.SubprocessTransport asyncio.TimerHandle asyncio.Transport asyncio.trsock asyncio.unix_events
    asyncio.windows_events asyncio.windows_utils asyncio.WriteTransport bdb bytearray bz2.BZ2File
    calendar.HTMLCalendar cmath cmd code codecs codeop collections.abc collections.UserString
    concurrent.futures.Future contextvars ctypes.macholib curses decimal.Context decimal.DecimalTuple dis
    doctest.DocTestFinder doctest.DocTestParser doctest.DocTestRunner doctest.OutputChecker email.base64mime
    email.charset email.errors email.feedparser email.generator email.headerregistry email.iterators email.mime
    email.policy email.quoprimime email.utils encodings faulthandler fileinput ftplib.FTP hmac http.cookiejar
    http.cookies http.server.BaseHTTPRequestHandler imaplib importlib.abc importlib.machinery
    importlib.metadata.Distribution importlib.metadata.DistributionFinder importlib.metadata.FreezableDefaultDict
    importlib.metadata.SimplePath importlib.readers importlib.resources importlib.simple inspect.BlockFinder
    io.FileIO ipaddress.IPv6Address json.encoder.py_encode_basestring json.encoder.py_encode_basestring_ascii
    logging.BufferingFormatter logging.config logging.Handler logging.handlers.BaseRotatingHandler
    logging.handlers.BufferingHandler logging.handlers.DatagramHandler logging.handlers.HTTPHandler
    logging.handlers.NTEventLogHandler logging.handlers.QueueListener logging.handlers.SocketHandler
    logging.handlers.SysLogHandler logging.Logger logging.LoggerAdapter lzma.LZMAFile mailbox memoryview mimetypes
    modulefinder multiprocessing.connection multiprocessing.context.BaseContext.reducer multiprocessing.managers
    multiprocessing.popen_spawn_win32 multiprocessing.process.BaseProcess.sentinel multiprocessing.reduction
    multiprocessing.resource_sharer multiprocessing.resource_tracker multiprocessing.shared_memory
    multiprocessing.sharedctypes multiprocessing.spawn multiprocessing.util numbers opcode optparse os.DirEntry
    os.statvfs_result os.times_result pickle.PickleBuffer pickletools pkgutil poplib pyclbr resource.struct_rusage
    rlcompleter select selectors shlex.shlex signal.struct_siginfo site socket.SocketIO socketserver sre_compile
    sre_constants sre_parse ssl stat stringprep symtable sysconfig tarfile.TarInfo termios threading.Thread tokenize
    trace tracemalloc.BaseFilter unittest.async_case unittest.mock.NonCallableMock unittest.TestLoader
    unittest.TestResult unittest.util urllib.response venv wsgiref xml.dom xml.etree.ElementTree.C14NWriterTarget
    xml.etree.ElementTree.TreeBuilder xml.parsers xml.sax xmlrpc zipimport
""".split()
_LEFT_OUT = frozenset({*_NO_LIBRARY, *_GONE, *_INNER})
# Sources whose names people know under another module.
_KNOWN_AS = {
    "posixpath": "os.path",
    "genericpath": "os.path",
    "_collections_abc": "collections.abc",
    "_pydatetime": "datetime",
    "_py_warnings": "warnings",
}
_OTHER_PLATFORMS = frozenset({"ntpath", "nturl2path"})
# Modules, or their parts, that have no source. Importing them does nothing else.
_COMPILED_PARTS = """
    codecs collections contextvars csv decimal functools io locale operator pickle queue random signal socket sqlite3
    struct tracemalloc typing warnings weakref
""".split()
_COMPILED_WHOLE = """
    atexit binascii faulthandler fcntl gc grp itertools marshal math mmap pwd resource sys syslog time unicodedata zlib
""".split()
_COMPILED = {
    "builtins": "",
    "nt" if os.name == "nt" else "posix": "os",
    "posixpath": "os.path",
    **{f"_{name}": name for name in _COMPILED_PARTS},
    **{name: name for name in _COMPILED_WHOLE},
}
"""What is imported, and the module under which people know its names."""


def read_standard_library() -> tuple[Entry, ...]:
    """Return the entries of this Python, ordered by id; what is documented twice is there once.

    Raises:
        SourceError: this Python has no readable sources of its library.
    """
    folder = Path(sysconfig.get_path("stdlib"))
    found: dict[str, Entry] = {}
    for item in (*_parsed(folder), *_inspected()):
        if not _is_left_out(item.id):
            found.setdefault(item.id, item)
    return _distinct(found.values())


def _distinct(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Keep one entry of those with one text and one last name: `queue.Queue.put`, not `asyncio.Queue.put`."""
    kept: dict[tuple[str, str], Entry] = {}
    for item in sorted(entries, key=lambda item: (len(item.id), item.id)):
        kept.setdefault((item.id.rpartition(".")[2], item.text), item)
    return tuple(sorted(kept.values(), key=lambda item: item.id))


def _is_left_out(identity: str) -> bool:
    parts = identity.split(".")
    return any(".".join(parts[:length]) in _LEFT_OUT for length in range(1, len(parts) + 1))


def _parsed(folder: Path) -> Iterator[Entry]:
    """Yield the entries of all sources below the folder of the standard library."""
    modules = {name: _read(path) for name, path in _sources(folder)}
    if not modules:
        raise SourceError(f"this Python has no sources of its standard library in {folder}: run another Python")
    homes = _homes(modules)
    for name, module in modules.items():
        for item in module.entries:
            identity = _public_id(name, item.id, module, homes)
            if identity is not None:
                yield Entry(identity, item.text)


def _read(path: Path) -> Module:
    try:
        return read_module(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, SyntaxError) as error:
        raise SourceError(f"{path} cannot be read ({error}): mend this Python, or run another one") from error


def _sources(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield module names and files, in order of the names."""
    for top in sorted(sys.stdlib_module_names):
        if top in _LEFT_OUT or top in _OTHER_PLATFORMS or (top.startswith("_") and top not in _KNOWN_AS):
            continue
        if (folder / f"{top}.py").is_file():
            yield top, folder / f"{top}.py"
        for path in sorted((folder / top).rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join(part for part in parts if part != "__init__")
            if not _is_left_out(name) and parts[-1] != "__main__":
                yield name, path


def _homes(modules: dict[str, Module]) -> dict[tuple[str, str], str]:
    """Map (module, name) to the package that offers the name; `asyncio.tasks`, `gather` -> `asyncio`."""
    homes: dict[tuple[str, str], str] = {}
    for package, module in modules.items():
        for origin, name in module.borrowed:
            source = f"{package}{origin}" if origin.startswith(".") and not origin.startswith("..") else origin
            if source.startswith(f"{package}.") and source in modules:
                names = _exports(modules[source]) if name == "*" else {name}
                homes.update({(source, each): package for each in names})
    return homes


def _exports(module: Module) -> set[str]:
    heads = {item.id.partition(".")[0] for item in module.entries} - {""}
    return heads if module.exported is None else heads & module.exported


def _public_id(module: str, name: str, content: Module, homes: dict[tuple[str, str], str]) -> str | None:
    """Return the name under which people know something, None if it is internal."""
    head = name.partition(".")[0]
    home = homes.get((module, head))
    if home is not None:
        return f"{home}.{name}"
    public = _KNOWN_AS.get(module, module)
    if any(part.startswith("_") for part in public.split(".")):
        return None
    if not name:
        return public
    if content.exported is not None and head not in content.exported:
        return None
    return f"{public}.{name}"


def _inspected() -> Iterator[Entry]:
    """Yield the entries of the modules that have no source."""
    for name, public in _COMPILED.items():
        if importlib.util.find_spec(name) is None:
            continue  # Of another platform, or left out of this build.
        module = importlib.import_module(name)
        if public == name:
            yield from _entry(public, module)
        yield from _members(module, f"{public}." if public else "")


def _members(owner: ModuleType | type, prefix: str) -> Iterator[Entry]:
    for name, value in sorted(vars(owner).items()):
        if name.startswith("_") or (inspect.isclass(value) and value.__name__ != name):
            continue  # Private, or a second name.
        if inspect.isroutine(value) or inspect.isclass(value) or inspect.isdatadescriptor(value):
            # From the class, a static method is the function, with that function's docstring.
            yield from _entry(prefix + name, getattr(owner, name))
        if inspect.isclass(value):
            yield from _members(value, f"{prefix}{name}.")


def _entry(identity: str, value: object) -> Iterator[Entry]:
    found = entry(identity, inspect.getdoc(value) if isinstance(value, ModuleType) else value.__doc__)
    if found is not None:
        yield found
