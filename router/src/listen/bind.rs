//! Listening sockets: TCP ports and Unix domain socket files, from address to accepted socket.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, lchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{AT_FDCWD, OFlag};
use nix::libc::mode_t;
use nix::sys::socket::{setsockopt, sockopt};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{Group, User};
use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixStream};
use trunkline_config::{Address, UnixSocket};

use super::Source;
use crate::transport::Plain;

/// Connections that the system completes before we accept them.
const BACKLOG: u32 = 1024;

/// A socket that listens. A socket file is removed when this is dropped.
#[derive(Debug)]
pub(crate) enum Acceptor {
    Tcp(TcpListener),
    /// The file goes before the socket closes: a successor never takes ours for its own.
    Unix(SocketFile, UnixListener),
}

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
pub enum BindError {
    /// The system refused.
    #[error(transparent)]
    System(#[from] io::Error),
    /// Another process listens on that socket file.
    #[error("another process listens there")]
    InUse,
    /// Another process is between looking at that path and listening there.
    #[error("another process is about to listen there: it has locked {0:?}")]
    Locked(PathBuf),
    /// Whatever is at that path, it is not for us to replace.
    #[error("there is a file at this path that is no socket")]
    NotASocket,
    /// Nobody has that name here.
    #[error("there is no {kind} {name:?} on this system")]
    NoSuchOwner {
        /// "user" or "group".
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The socket file is there, but not for those for whom it should be.
    #[error("cannot set {what} of the socket file")]
    Permission {
        /// "the mode" or "the owner".
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Acceptor {
    /// Listens on that address.
    ///
    /// An IPv6 address takes IPv6 alone, whatever the system's default: `[::]` and `0.0.0.0` stand side by side,
    /// and no IPv4 peer looks like an IPv6 one.
    pub(crate) async fn bind(address: &Address, unix_socket: &UnixSocket) -> Result<Self, BindError> {
        match address {
            Address::Tcp(address) => Ok(Self::Tcp(bind_tcp(*address)?)),
            Address::Unix(path) => bind_unix(path, unix_socket).await,
        }
    }

    /// Where it listens; a port chosen by the system is filled in.
    pub(crate) fn address(&self) -> io::Result<Address> {
        match self {
            Self::Tcp(socket) => socket.local_addr().map(Address::Tcp),
            Self::Unix(file, _) => Ok(Address::Unix(file.path.clone())),
        }
    }

    /// The next connection. Nothing is lost if this is dropped.
    pub(crate) async fn accept(&self) -> io::Result<(Plain, Source)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                Ok((Plain::Tcp(stream), Source::Tcp(peer)))
            }
            Self::Unix(_, socket) => {
                let (stream, _) = socket.accept().await?;
                Ok((Plain::Unix(stream), Source::Unix))
            }
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if address.is_ipv6() {
        setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    }
    // Connections of a router that just went down must not keep the next one from its port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn bind_unix(path: &Path, settings: &UnixSocket) -> Result<Acceptor, BindError> {
    let owner = Owner::resolve(settings)?;
    let _lock = PathLock::acquire(path)?;
    remove_stale(path).await?;
    let socket = tokio::net::UnixSocket::new_stream()?;
    socket.bind(path)?;
    // From here on a failure removes the file.
    let file = SocketFile::new(path)?;
    // Nobody can connect before the socket listens: there is no moment in which the file is open to others.
    if owner != Owner::default() {
        file.set_owner(owner).map_err(|source| BindError::Permission { what: "the owner", source })?;
    }
    if let Some(mode) = settings.mode {
        file.set_mode(mode).map_err(|source| BindError::Permission { what: "the mode", source })?;
    }
    Ok(Acceptor::Unix(file, socket.listen(BACKLOG)?))
}

/// Keeps other routers from a path between the look at it and listening there: a socket that is bound and does not
/// listen yet looks like one that a killed router left.
struct PathLock {
    path: PathBuf,
    file: File,
}

impl PathLock {
    fn acquire(socket_path: &Path) -> Result<Self, BindError> {
        let mut path = socket_path.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        loop {
            let file = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(OFlag::O_NOFOLLOW.bits())
                .open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(BindError::Locked(path)),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            // Who held it before may have removed it after we opened it: then it keeps nobody out.
            let locked = device_and_inode(&file.metadata()?);
            if fs::symlink_metadata(&path).is_ok_and(|found| device_and_inode(&found) == locked) {
                return Ok(Self { path, file });
            }
        }
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        // While it is locked nobody else removes it. One with something in it is not ours to remove.
        if self.file.metadata().is_ok_and(|metadata| metadata.len() == 0)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the lock of a socket file");
        }
    }
}

/// Removes a socket file that nobody listens on any more, such as a router leaves that was killed.
async fn remove_stale(path: &Path) -> Result<(), BindError> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.file_type().is_socket() {
        return Err(BindError::NotASocket);
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(fs::remove_file(path)?),
        // One whose queue is full listens, too.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(BindError::InUse),
        Err(error) => Err(error.into()),
        Ok(_) => Err(BindError::InUse),
    }
}

/// A socket file of ours. Removes it when dropped, unless another one took its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    device_and_inode: (u64, u64),
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        let device_and_inode = device_and_inode(&fs::symlink_metadata(path)?);
        Ok(Self { path: path.to_owned(), device_and_inode })
    }

    /// Fails if another file took its place, such as a link to one that its maker may not touch.
    fn check_place(&self) -> io::Result<()> {
        let found = fs::symlink_metadata(&self.path)?;
        if found.file_type().is_socket() && device_and_inode(&found) == self.device_and_inode {
            Ok(())
        } else {
            Err(io::Error::other("another file took its place"))
        }
    }

    fn set_owner(&self, owner: Owner) -> io::Result<()> {
        self.check_place()?;
        lchown(&self.path, owner.user, owner.group)
    }

    fn set_mode(&self, mode: u32) -> io::Result<()> {
        self.check_place()?;
        let mode = Mode::from_bits_truncate(mode as mode_t);
        Ok(fchmodat(AT_FDCWD, &self.path, mode, FchmodatFlags::NoFollowSymlink)?)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.check_place().is_ok()
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket file");
        }
    }
}

fn device_and_inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Who a socket file shall belong to, in the system's numbers; none stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    user: Option<u32>,
    group: Option<u32>,
}

impl Owner {
    /// Looks the names up; a number is taken as it is.
    pub(super) fn resolve(settings: &UnixSocket) -> Result<Self, BindError> {
        let resolve = |kind, name: &Option<String>, look_up: fn(&str) -> nix::Result<Option<u32>>| {
            let Some(name) = name else { return Ok(None) };
            let number = match name.parse() {
                Ok(number) => Some(number),
                Err(_) => look_up(name).map_err(io::Error::from)?,
            };
            number.map(Some).ok_or_else(|| BindError::NoSuchOwner { kind, name: name.clone() })
        };
        let user = |name: &str| Ok(User::from_name(name)?.map(|user| user.uid.as_raw()));
        let group = |name: &str| Ok(Group::from_name(name)?.map(|group| group.gid.as_raw()));
        Ok(Self {
            user: resolve("user", &settings.owner, user)?,
            group: resolve("group", &settings.group, group)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_link_in_the_place_of_a_socket_file_is_not_followed() {
        let directory = std::env::temp_dir().join(format!("trunkline-bind-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let (path, other) = (directory.join("trunkline.sock"), directory.join("other.sock"));
        let _listeners = [&path, &other].map(|path| std::os::unix::net::UnixListener::bind(path).unwrap());
        let before = fs::symlink_metadata(&other).unwrap();
        let file = SocketFile::new(&path).unwrap();
        file.set_mode(0o640).unwrap();
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);

        fs::remove_file(&path).unwrap();
        symlink(&other, &path).unwrap();
        file.set_mode(0o604).unwrap_err();
        file.set_owner(Owner { user: Some(before.uid()), group: None }).unwrap_err();
        drop(file);
        let after = fs::symlink_metadata(&other).unwrap();
        assert_eq!((after.mode(), after.ctime_nsec()), (before.mode(), before.ctime_nsec()));
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
        fs::remove_dir_all(&directory).unwrap();
    }
}
