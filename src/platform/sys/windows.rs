//! Windows' answers as `key: value` text, in the form of a recorded machine's `commands/windows.txt`,
//! so that reading them is pure and tested on every system.

use std::fmt::Write;
use std::os::windows::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;

use windows_sys::Win32::Foundation::ERROR_SUCCESS;
use windows_sys::Win32::Storage::FileSystem::{
    GetDiskFreeSpaceExW, GetDriveTypeW, GetVolumeInformationW, GetVolumePathNameW,
};
use windows_sys::Win32::System::Registry::{
    HKEY, HKEY_LOCAL_MACHINE, KEY_READ, REG_BINARY, REG_DWORD, REG_MULTI_SZ, REG_QWORD, REG_SZ, RegCloseKey,
    RegOpenKeyExW, RegQueryValueExW,
};
use windows_sys::Win32::System::SystemInformation::{
    GetLogicalProcessorInformationEx, GlobalMemoryStatusEx, MEMORYSTATUSEX, RelationProcessorCore,
};

use crate::platform::disk::FileSystem;

/// `DRIVE_REMOTE` of `GetDriveTypeW`; its constant lives in a part of the bindings that nothing else needs.
const DRIVE_REMOTE: u32 = 4;
const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";
const PROCESSOR: &str = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0";
const ENVIRONMENT: &str = r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment";
const BIOS: &str = r"HARDWARE\DESCRIPTION\System\BIOS";
/// The class of display adapters.
const DISPLAY: &str = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}";

/// Everything that detection asks of Windows.
pub(in crate::platform) fn answers() -> Result<String, String> {
    let mut text = String::new();
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{key}: {value}");
        }
    };
    let build = string(VERSION, "CurrentBuildNumber");
    // The registry still says "Windows 10" on 11, whose builds start at 22000.
    let eleven = build.as_deref().and_then(|build| build.parse::<u32>().ok()).is_some_and(|build| build >= 22_000);
    let product = string(VERSION, "ProductName");
    put("os.name", product.map(|name| if eleven { name.replace("Windows 10", "Windows 11") } else { name }));
    put("os.version", string(VERSION, "DisplayVersion"));
    put("os.build", build);
    put("machine", string(ENVIRONMENT, "PROCESSOR_ARCHITECTURE"));
    put("model", string(BIOS, "SystemProductName"));
    put("cpu.name", string(PROCESSOR, "ProcessorNameString").map(|name| name.trim().to_owned()));
    put("cpu.physical", physical().map(|count| count.to_string()));
    put("cpu.logical", std::thread::available_parallelism().ok().map(|count| count.to_string()));
    put("cpu.features", Some(features()).filter(|features| !features.is_empty()));
    if let Some((total, available)) = memory() {
        put("memory.total", Some(total.to_string()));
        put("memory.available", Some(available.to_string()));
    }
    let mut number = 0;
    for adapter in 0..64 {
        let key = format!(r"{DISPLAY}\{adapter:04}");
        let Some(id) = string(&key, "MatchingDeviceId").as_deref().and_then(pci_id) else { continue };
        put(&format!("gpu.{number}.id"), Some(id));
        put(&format!("gpu.{number}.name"), string(&key, "DriverDesc"));
        put(&format!("gpu.{number}.driver"), string(&key, "DriverVersion"));
        put(&format!("gpu.{number}.memory"), quad(&key, "HardwareInformation.qwMemorySize").map(|b| b.to_string()));
        number += 1;
    }
    Ok(text)
}

/// `10de:2684` of `pci\ven_10de&dev_2684&…`.
fn pci_id(matching: &str) -> Option<String> {
    let lower = matching.to_ascii_lowercase();
    let part = |name: &str| lower.split_once(name).and_then(|(_, rest)| rest.get(..4)).map(str::to_owned);
    Some(format!("{}:{}", part("ven_")?, part("dev_")?))
}

#[cfg(target_arch = "x86_64")]
fn features() -> String {
    let all = [
        ("sse4_2", is_x86_feature_detected!("sse4.2")),
        ("avx", is_x86_feature_detected!("avx")),
        ("avx2", is_x86_feature_detected!("avx2")),
        ("fma", is_x86_feature_detected!("fma")),
        ("f16c", is_x86_feature_detected!("f16c")),
        ("avx512f", is_x86_feature_detected!("avx512f")),
        ("avx512bw", is_x86_feature_detected!("avx512bw")),
        ("avx512vl", is_x86_feature_detected!("avx512vl")),
        ("avx512_vnni", is_x86_feature_detected!("avx512vnni")),
        ("avx512_bf16", is_x86_feature_detected!("avx512bf16")),
    ];
    all.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

#[cfg(not(target_arch = "x86_64"))]
fn features() -> String {
    String::new()
}

fn memory() -> Option<(u64, u64)> {
    // SAFETY: MEMORYSTATUSEX is plain numbers, for which zero is a value.
    let mut status: MEMORYSTATUSEX = unsafe { std::mem::zeroed() };
    status.dwLength = u32::try_from(size_of::<MEMORYSTATUSEX>()).ok()?;
    // SAFETY: the pointer is to a live structure whose length is in its first field, as the call demands.
    let done = unsafe { GlobalMemoryStatusEx(&raw mut status) };
    (done != 0).then_some((status.ullTotalPhys, status.ullAvailPhys))
}

/// One record for each core; only their sizes are read.
fn physical() -> Option<u32> {
    let mut length = 0u32;
    // SAFETY: a null buffer with length 0 asks for the length needed, which goes to `length`.
    unsafe { GetLogicalProcessorInformationEx(RelationProcessorCore, ptr::null_mut(), &raw mut length) };
    // Eight-byte units give the buffer the alignment of the records.
    let mut buffer = vec![0u64; usize::try_from(length).ok()?.div_ceil(8)];
    // SAFETY: the buffer is at least `length` bytes long, aligned to 8, and lives through the call.
    let done =
        unsafe { GetLogicalProcessorInformationEx(RelationProcessorCore, buffer.as_mut_ptr().cast(), &raw mut length) };
    if done == 0 {
        return None;
    }
    let bytes: Vec<u8> = buffer.iter().flat_map(|unit| unit.to_ne_bytes()).collect();
    let end = usize::try_from(length).ok()?.min(bytes.len());
    let (mut at, mut count) = (0usize, 0u32);
    while at + 8 <= end {
        // Every record starts with its kind and its size, four bytes each.
        let size = u32::from_ne_bytes(bytes.get(at + 4..at + 8)?.try_into().ok()?);
        at += usize::try_from(size).ok().filter(|size| *size >= 8)?;
        count += 1;
    }
    (count > 0).then_some(count)
}

/// Free bytes and file system of a folder.
pub(in crate::platform) struct Disk {
    pub(in crate::platform) free: Option<u64>,
    pub(in crate::platform) file_system: Option<FileSystem>,
}

/// What Windows says of the volume that holds `dir`.
pub(in crate::platform) fn disk(dir: &Path) -> Option<Disk> {
    let name: Vec<u16> = dir.as_os_str().encode_wide().chain([0]).collect();
    let mut free = 0u64;
    // SAFETY: `name` ends with NUL, `free` is live, and the call allows the other pointers to be null.
    let done = unsafe { GetDiskFreeSpaceExW(name.as_ptr(), &raw mut free, ptr::null_mut(), ptr::null_mut()) };
    Some(Disk { free: (done != 0).then_some(free), file_system: volume(&name) })
}

fn volume(name: &[u16]) -> Option<FileSystem> {
    let mut root = [0u16; 1024];
    // SAFETY: `name` ends with NUL, and the buffer's length in characters is passed with it.
    if unsafe { GetVolumePathNameW(name.as_ptr(), root.as_mut_ptr(), 1024) } == 0 {
        return None;
    }
    let mut kind = [0u16; 64];
    // SAFETY: `root` ends with NUL after the call above; the buffer's length is passed with it; others may be null.
    let done = unsafe {
        GetVolumeInformationW(
            root.as_ptr(),
            ptr::null_mut(),
            0,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            kind.as_mut_ptr(),
            64,
        )
    };
    if done == 0 {
        return None;
    }
    // SAFETY: `root` ends with NUL.
    let network = unsafe { GetDriveTypeW(root.as_ptr()) } == DRIVE_REMOTE;
    Some(FileSystem { kind: text(&kind), network, mount_point: PathBuf::from(text(&root)) })
}

fn text(wide: &[u16]) -> String {
    let end = wide.iter().position(|unit| *unit == 0).unwrap_or(wide.len());
    String::from_utf16_lossy(wide.get(..end).unwrap_or_default())
}

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// A text of the registry. Line breaks would make another key of the rest.
fn string(key: &str, name: &str) -> Option<String> {
    let (kind, bytes) = value(key, name)?;
    if kind != REG_SZ && kind != REG_MULTI_SZ {
        return None;
    }
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect();
    let text = text(&units).replace(['\r', '\n'], " ");
    (!text.is_empty()).then_some(text)
}

/// A number of the registry; drivers store this one in three types.
fn quad(key: &str, name: &str) -> Option<u64> {
    match value(key, name)? {
        (REG_QWORD | REG_BINARY, bytes) if bytes.len() == 8 => Some(u64::from_le_bytes(bytes.try_into().ok()?)),
        (REG_DWORD, bytes) if bytes.len() == 4 => Some(u32::from_le_bytes(bytes.try_into().ok()?).into()),
        _ => None,
    }
}

fn value(key: &str, name: &str) -> Option<(u32, Vec<u8>)> {
    let (key, name) = (wide(key), wide(name));
    let mut handle: HKEY = ptr::null_mut();
    // SAFETY: `key` ends with NUL and `handle` is live.
    if unsafe { RegOpenKeyExW(HKEY_LOCAL_MACHINE, key.as_ptr(), 0, KEY_READ, &raw mut handle) } != ERROR_SUCCESS {
        return None;
    }
    let mut bytes = vec![0u8; 2048];
    let (mut kind, mut length) = (0u32, 2048u32);
    // SAFETY: `handle` is open, `name` ends with NUL, and the buffer's length is passed with it.
    let status = unsafe {
        RegQueryValueExW(handle, name.as_ptr(), ptr::null(), &raw mut kind, bytes.as_mut_ptr(), &raw mut length)
    };
    // SAFETY: `handle` was opened above and is closed once.
    unsafe { RegCloseKey(handle) };
    if status != ERROR_SUCCESS {
        return None;
    }
    bytes.truncate(usize::try_from(length).ok()?);
    Some((kind, bytes))
}
