<#
.SYNOPSIS
Installs the agent skill python-runtime-operations into a skills folder of a coding agent; -Help lists the options.
.NOTES
For Windows PowerShell 5.1 and PowerShell 7. Everything is in functions and the last line calls them.
#>
[CmdletBinding()]
param(
    [string]$Agent = "",
    [string]$Scope = "",
    [string]$Dest = "",
    [string]$Ref = "",
    [string]$From = "",
    [switch]$DryRun,
    [switch]$Check,
    [switch]$Uninstall,
    [switch]$Force,
    [switch]$Version,
    [switch]$Help
)

function Show-Usage {
    Write-Output @'
Install, update, check or remove the agent skill python-runtime-operations.

usage: install.ps1 [options]
  -Agent claude|agents|gemini|opencode
                   whose skills folder (default: claude). "agents" is ~\.agents\skills, which Codex, Cursor and others read
  -Scope user|project
                   for you everywhere (default), or for the project in the current folder
  -Dest DIR        the skill's own folder instead, ending in \python-runtime-operations
  -Ref TAG         install this release, for example v0.1.0
  -From PATH       install from a checkout or an unpacked bundle (a folder), or from a .zip or .skill file: no network
  -DryRun          say what would be done, write nothing
  -Check           say whether the skill is installed and unchanged: exit code 0 if so, else 1
  -Uninstall       remove what was installed, and nothing else
  -Force           replace or remove a copy that is not ours or was changed; the copy is kept beside the skills folder
  -Version         print the installer's version
  -Help            print this text

environment
  CLAUDE_CONFIG_DIR   Claude Code's folder, if not ~\.claude
  PYRUNOPS_BASE_URL   where to download from instead of the release page
exit codes: 0 done, 1 could not be done (what was there before is still there), 2 wrong usage
'@
}

function Say([string]$Text) {
    Write-Output $Text
}

function Warn([string]$Text) {
    Write-Warning $Text
}

# The exit code travels in the exception's data, so that nothing below has to end the user's own session.
function Fail([string]$Text) {
    $Problem = New-Object System.Exception $Text
    $Problem.Data["ExitCode"] = 1
    throw $Problem
}

function Misused([string]$Text) {
    $Problem = New-Object System.Exception $Text
    $Problem.Data["ExitCode"] = 2
    throw $Problem
}

function Test-Exists([string]$Path) {
    return $null -ne (Get-Item -LiteralPath $Path -Force -ErrorAction SilentlyContinue)
}

function Test-Link([string]$Path) {
    $Item = Get-Item -LiteralPath $Path -Force -ErrorAction SilentlyContinue
    return ($null -ne $Item) -and (($Item.Attributes -band [System.IO.FileAttributes]::ReparsePoint) -ne 0)
}

function Get-UserFolder([string]$Whose) {
    if ($Whose -eq "claude") {
        if ($env:CLAUDE_CONFIG_DIR) {
            return Join-Path $env:CLAUDE_CONFIG_DIR "skills"
        }
        return Join-Path $UserHome ".claude\skills"
    }
    if ($Whose -eq "agents") {
        return Join-Path $UserHome ".agents\skills"
    }
    if ($Whose -eq "gemini") {
        return Join-Path $UserHome ".gemini\skills"
    }
    if ($env:XDG_CONFIG_HOME) {
        return Join-Path $env:XDG_CONFIG_HOME "opencode\skills"
    }
    return Join-Path $UserHome ".config\opencode\skills"
}

# "<sha256>  <path>" of every file under a folder, sorted. Caches and our receipt do not count.
function Get-Hashes([string]$Folder) {
    $Root = (Get-Item -LiteralPath $Folder -Force).FullName
    $Lines = New-Object System.Collections.ArrayList
    foreach ($File in (Get-ChildItem -LiteralPath $Root -Recurse -Force -File)) {
        $Inner = $File.FullName.Substring($Root.Length + 1).Replace("\", "/")
        $IsCache = ($Inner -match "(^|/)__pycache__/") -or $Inner.EndsWith(".pyc") -or ($Inner -match "(^|/)\.DS_Store$")
        if ((-not $IsCache) -and ($Inner -cne $Receipt)) {
            $Digest = (Get-FileHash -LiteralPath $File.FullName -Algorithm SHA256).Hash.ToLowerInvariant()
            [void]$Lines.Add("$Digest  $Inner")
        }
    }
    $Sorted = [string[]]$Lines.ToArray([string])
    [System.Array]::Sort($Sorted, [System.StringComparer]::Ordinal)
    return , $Sorted
}

function Get-ReceiptList([string]$Folder) {
    $Lines = @(Get-Content -LiteralPath (Join-Path $Folder $Receipt) -Encoding UTF8 | Where-Object { $_ -cmatch "^[0-9a-f]{64}  ." })
    $Sorted = [string[]]$Lines
    [System.Array]::Sort($Sorted, [System.StringComparer]::Ordinal)
    return , $Sorted
}

function Get-ReceiptValue([string]$Key) {
    foreach ($Line in (Get-Content -LiteralPath (Join-Path $Dest $Receipt) -Encoding UTF8)) {
        if ($Line.StartsWith("${Key}: ")) {
            return $Line.Substring($Key.Length + 2)
        }
    }
    return ""
}

function Test-Ours {
    if ((-not (Test-Path -LiteralPath $Dest -PathType Container)) -or (Test-Link $Dest)) {
        return $false
    }
    $Path = Join-Path $Dest $Receipt
    if (-not (Test-Path -LiteralPath $Path -PathType Leaf)) {
        return $false
    }
    return @(Get-Content -LiteralPath $Path -Encoding UTF8) -ccontains "$Name receipt 1"
}

# Why what stands at the target may not be replaced or removed without -Force; empty when it may.
function Get-Objection {
    if (-not (Test-Exists $Dest)) {
        return ""
    }
    if (Test-Link $Dest) {
        $LinkTarget = (Get-Item -LiteralPath $Dest -Force).Target
        return "$Dest is a symbolic link to $LinkTarget, not made by this installer"
    }
    if (-not (Test-Ours)) {
        return "$Dest is there already, but was not made by this installer (no $Receipt in it)"
    }
    $Now = Get-Hashes $Dest
    $Then = Get-ReceiptList $Dest
    $Changed = @($Then | Where-Object { $Now -cnotcontains $_ } | ForEach-Object { $_.Substring(66) })
    if ($Changed.Count -gt 0) {
        return "$Dest has files that were changed since they were installed: $Changed"
    }
    return ""
}

# Put back what a run moved out of the target's place and did not replace, then drop its temporary folder.
function Restore-Interrupted([string]$Left) {
    $Old = Join-Path $Left "old"
    $Keep = Join-Path $Left "keep"
    if (-not (Test-Exists $Dest)) {
        if (Test-Exists $Old) {
            Move-Item -LiteralPath $Old -Destination $Dest
            Say "restored $Dest, which an interrupted run had moved aside"
        }
        elseif ((Test-Exists (Join-Path $Left "removed")) -and (Test-Exists $Keep)) {
            Move-Item -LiteralPath $Keep -Destination $Dest
        }
    }
    Remove-Item -LiteralPath $Left -Recurse -Force
}

# An open file that nobody else may open; the system closes it however this process ends.
function Open-Lock {
    $LockSeconds = 30
    for ($Waited = 0; $Waited -le $LockSeconds; $Waited++) {
        try {
            return [System.IO.File]::Open($Lock, "OpenOrCreate", "ReadWrite", "None")
        }
        catch {
            # A removal at the same time may have taken the empty folders away.
            if ((-not $Uninstall) -and (-not (Test-Exists $Skills))) {
                [void](New-Item -ItemType Directory -Path $Skills -Force)
            }
            Start-Sleep -Seconds 1
        }
    }
    Fail "another installer is at work ($Lock); wait for it, or remove $Lock if it is gone"
}

function Save-Url([string]$Address, [string]$File) {
    if (-not ($Address.StartsWith("https://") -or $env:PYRUNOPS_BASE_URL)) {
        Fail "refusing to download without https from $Address"
    }
    try {
        [System.Net.ServicePointManager]::SecurityProtocol = [System.Net.ServicePointManager]::SecurityProtocol -bor 3072
        Invoke-WebRequest -Uri $Address -OutFile $File -UseBasicParsing
    }
    catch {
        Fail "could not download $Address"
    }
}

function Get-Archive {
    $Archive = Join-Path $Stage "archive.zip"
    if ($Ref) {
        Save-Url "$Url/SHA256SUMS" (Join-Path $Stage "sums")
        $Expected = ""
        foreach ($Line in (Get-Content -LiteralPath (Join-Path $Stage "sums") -Encoding UTF8)) {
            if ($Line -cmatch "^([0-9a-f]{64})  $Name\.zip$") {
                $Expected = $Matches[1]
            }
        }
        if (-not $Expected) {
            Fail "$Url/SHA256SUMS does not name $Name.zip"
        }
    }
    Save-Url $Source $Archive
    $Got = (Get-FileHash -LiteralPath $Archive -Algorithm SHA256).Hash.ToLowerInvariant()
    if ($Got -cne $Expected) {
        Fail "the archive's SHA-256 is $Got, expected $Expected; nothing was installed"
    }
    return $Archive
}

function Expand-Skill([string]$Archive) {
    # Expand-Archive of Windows PowerShell 5.1 accepts the ending .zip only.
    $Zip = Join-Path $Stage "skill.zip"
    Copy-Item -LiteralPath $Archive -Destination $Zip
    try {
        Expand-Archive -LiteralPath $Zip -DestinationPath (Join-Path $Stage "unpacked") -Force
    }
    catch {
        Fail "could not unpack the archive: $_"
    }
}

# Only what belongs to the skill is taken from a checkout.
function Copy-Checkout {
    [void](New-Item -ItemType Directory -Path $New -Force)
    foreach ($Item in @("SKILL.md", "LICENSE", "README.md", "CHANGELOG.md", "references", "scripts", $List)) {
        $Path = Join-Path $From $Item
        if (Test-Path -LiteralPath $Path) {
            Copy-Item -LiteralPath $Path -Destination $New -Recurse -Force
        }
    }
    Remove-Caches $New
}

function Remove-Caches([string]$Folder) {
    foreach ($Item in @(Get-ChildItem -LiteralPath $Folder -Recurse -Force)) {
        if (($Item.Name -ceq "__pycache__") -or ($Item.Name -ceq ".DS_Store") -or ($Item.Name -like "*.pyc")) {
            if (Test-Path -LiteralPath $Item.FullName) {
                Remove-Item -LiteralPath $Item.FullName -Recurse -Force
            }
        }
    }
}

# Gives the version of the unpacked skill, after looking whether it is whole.
function Get-NewVersion {
    if (-not (Test-Path -LiteralPath (Join-Path $New "SKILL.md") -PathType Leaf)) {
        Fail "$Source holds no $Name/SKILL.md; it is not this skill"
    }
    if (-not (@(Get-Content -LiteralPath (Join-Path $New "SKILL.md") -Encoding UTF8) -ccontains "name: $Name")) {
        Fail "$Source holds another skill"
    }
    if (-not (Test-Path -LiteralPath (Join-Path $New "scripts\audit.py") -PathType Leaf)) {
        Fail "$Source holds no scripts/audit.py; it is not complete"
    }
    foreach ($Item in @(Get-ChildItem -LiteralPath $New -Recurse -Force)) {
        if (Test-Link $Item.FullName) {
            Fail "$Source holds symbolic links; it is not this skill"
        }
    }
    $NewVersion = ""
    $Package = Join-Path $New "scripts\runtime_ops\__init__.py"
    if (Test-Path -LiteralPath $Package) {
        foreach ($Line in (Get-Content -LiteralPath $Package -Encoding UTF8)) {
            if ($Line -cmatch '^__version__ = "([^"]*)"$') {
                $NewVersion = $Matches[1]
            }
        }
    }
    if (-not $NewVersion) {
        Fail "$Source does not say its version"
    }
    $ListPath = Join-Path $New $List
    if (Test-Path -LiteralPath $ListPath) {
        $Listed = [string[]]@(Get-Content -LiteralPath $ListPath -Encoding UTF8)
        [System.Array]::Sort($Listed, [System.StringComparer]::Ordinal)
        $There = @($NewFiles | Where-Object { -not $_.EndsWith("  $List") })
        if (($Listed -join "`n") -cne ($There -join "`n")) {
            Fail "the files of $Source differ from its list $List; download it again"
        }
    }
    return $NewVersion
}

# Files that somebody added to the installed folder, as a tree in the temporary folder: they outlive update and removal.
function Copy-Additions {
    $Keep = Join-Path $Stage "keep"
    Copy-Item -LiteralPath $Dest -Destination $Keep -Recurse -Force
    foreach ($Line in (Get-ReceiptList $Dest)) {
        $Path = Join-Path $Keep $Line.Substring(66)
        if (Test-Path -LiteralPath $Path) {
            Remove-Item -LiteralPath $Path -Force
        }
    }
    Remove-Item -LiteralPath (Join-Path $Keep $Receipt) -Force
    Remove-Caches $Keep
    $Folders = @(Get-ChildItem -LiteralPath $Keep -Recurse -Force -Directory | Sort-Object { $_.FullName.Length } -Descending)
    foreach ($Folder in $Folders) {
        if (@(Get-ChildItem -LiteralPath $Folder.FullName -Force).Count -eq 0) {
            Remove-Item -LiteralPath $Folder.FullName -Force
        }
    }
    if (@(Get-ChildItem -LiteralPath $Keep -Force).Count -eq 0) {
        Remove-Item -LiteralPath $Keep -Force
    }
}

# Gives whether a copy of the old folder has to be kept, because an added file has the name of a new one.
function Merge-Additions {
    $Keep = Join-Path $Stage "keep"
    if (-not (Test-Path -LiteralPath $Keep)) {
        return $false
    }
    $Root = (Get-Item -LiteralPath $Keep -Force).FullName
    $Clash = @()
    foreach ($File in @(Get-ChildItem -LiteralPath $Root -Recurse -Force -File)) {
        $Inner = $File.FullName.Substring($Root.Length + 1)
        if (Test-Path -LiteralPath (Join-Path $New $Inner)) {
            $Clash += $Inner
        }
    }
    if ($Clash.Count -gt 0) {
        if (-not $Force) {
            Fail "you added files that $NewVersion brings too: $Clash; move them, or use -Force (the old folder is kept)"
        }
        return $true
    }
    foreach ($Item in @(Get-ChildItem -LiteralPath $Keep -Force)) {
        Copy-Item -LiteralPath $Item.FullName -Destination $New -Recurse -Force
    }
    return $false
}

function Save-Receipt([string[]]$CreatedLines) {
    $Lines = @("$Name receipt 1", "version: $NewVersion", "source: $Source", "archive: $Expected") + $CreatedLines + $NewFiles
    $Text = ($Lines -join "`n") + "`n"
    [System.IO.File]::WriteAllText((Join-Path $New $Receipt), $Text, (New-Object System.Text.UTF8Encoding $false))
}

# Before anything is replaced by force: a whole copy, which appears under its name in one step.
function Save-Copy {
    $Kept = Join-Path $Base "$Name-kept-$(Get-Date -Format 'yyyyMMdd-HHmmss')-$PID"
    if (Test-Link $Dest) {
        $LinkTarget = (Get-Item -LiteralPath $Dest -Force).Target
        Set-Content -LiteralPath $Kept -Value "a link to $LinkTarget" -Encoding UTF8
    }
    else {
        Copy-Item -LiteralPath $Dest -Destination (Join-Path $Stage "kept") -Recurse -Force
        Move-Item -LiteralPath (Join-Path $Stage "kept") -Destination $Kept
    }
    Say "kept a copy of what was there as $Kept"
}

# The link alone: Remove-Item -Recurse of Windows PowerShell 5.1 may empty the folder that a link leads to.
function Remove-Link([string]$Path) {
    $Item = Get-Item -LiteralPath $Path -Force
    $Item.Delete()
}

function Switch-Folders {
    $Old = Join-Path $Stage "old"
    if (Test-Link $Dest) {
        Remove-Link $Dest
    }
    if (Test-Exists $Dest) {
        Move-Item -LiteralPath $Dest -Destination $Old
    }
    try {
        Move-Item -LiteralPath $New -Destination $Dest
    }
    catch {
        Fail "could not move the new folder to $Dest; the old one is back"
    }
    if (Test-Exists $Old) {
        Move-Item -LiteralPath $Old -Destination (Join-Path $Stage "replaced")
    }
}

# Remove the folders that an install created, innermost first, if nothing is left in them.
function Remove-Created([string[]]$CreatedLines) {
    $Folders = @($CreatedLines | Where-Object { $_ } | ForEach-Object { $_.Substring(9) } | Sort-Object -Descending)
    foreach ($Folder in $Folders) {
        if ((Test-Path -LiteralPath $Folder) -and (@(Get-ChildItem -LiteralPath $Folder -Force).Count -eq 0)) {
            Remove-Item -LiteralPath $Folder -Force
        }
    }
}

function Get-Missing {
    $CreatedLines = @()
    $Missing = $Skills
    while ($Missing -and (-not (Test-Exists $Missing))) {
        $CreatedLines += "created: $Missing"
        $Missing = Split-Path -Parent $Missing
    }
    return , [string[]]$CreatedLines
}

function Show-Others {
    $ClaudeFolder = Split-Path -Parent (Get-UserFolder "claude")
    $Plugins = Join-Path $ClaudeFolder "plugins\installed_plugins.json"
    if (($Agent -eq "claude") -and (Test-Path -LiteralPath $Plugins)) {
        if ((Get-Content -LiteralPath $Plugins -Encoding UTF8) -match "`"$Name@") {
            Warn "Claude Code also has this skill as a plugin and will list it twice; remove one: claude plugin uninstall $Name"
        }
    }
    foreach ($OtherAgent in @("claude", "agents", "gemini", "opencode")) {
        $Other = Join-Path (Get-UserFolder $OtherAgent) $Name
        if (($Other -ne $Dest) -and (Test-Exists $Other)) {
            Warn "there is another copy at $Other; an agent that reads both folders lists the skill twice"
        }
    }
}

function Show-Python {
    foreach ($Command in @("python3", "python")) {
        if (Get-Command $Command -ErrorAction SilentlyContinue) {
            & $Command -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>$null
            if ($LASTEXITCODE -eq 0) {
                return
            }
        }
    }
    Warn "the skill's scripts need Python 3.11 or newer as python3; the one found here is older or missing"
}

# The scripts keep their libraries and results in a cache folder; it goes with the last copy of the skill.
function Remove-Cache {
    foreach ($OtherAgent in @("claude", "agents", "gemini", "opencode")) {
        if (Test-Exists (Join-Path (Join-Path (Get-UserFolder $OtherAgent) $Name) "SKILL.md")) {
            return
        }
    }
    $CacheHome = $env:XDG_CACHE_HOME
    if (-not $CacheHome) {
        $CacheHome = $env:LOCALAPPDATA
    }
    if (-not $CacheHome) {
        return
    }
    $Cache = Join-Path $CacheHome $Name
    if ((Test-Path -LiteralPath $Cache -PathType Container) -and (-not (Test-Link $Cache))) {
        Remove-Item -LiteralPath $Cache -Recurse -Force
        Say "removed the cache $Cache"
    }
}

function Install-Skill {
    $Archive = ""
    $Expected = ""
    $Url = ""
    if ($From) {
        if (-not (Test-Exists $From)) {
            Fail "-From is $From, which is not there; expected a folder or a .zip or .skill file"
        }
        $Source = (Get-Item -LiteralPath $From -Force).FullName
        if (Test-Path -LiteralPath $From -PathType Container) {
            if (-not (Test-Path -LiteralPath (Join-Path $From "SKILL.md") -PathType Leaf)) {
                Fail "-From is $From, which holds no SKILL.md; expected a checkout or an unpacked bundle"
            }
        }
        else {
            $Archive = $Source
            $Expected = (Get-FileHash -LiteralPath $Source -Algorithm SHA256).Hash.ToLowerInvariant()
        }
    }
    else {
        if (($Ref -eq "v$InstallerVersion") -and $Sha256) {
            $Ref = ""
        }
        if ((-not $Ref) -and (-not $Sha256)) {
            Fail "this copy of the installer is from the source tree and knows no archive's hash; give -From with a checkout, or use the installer of a release, $Page/releases"
        }
        $Tag = "v$InstallerVersion"
        if ($Ref) {
            $Tag = $Ref
        }
        $Url = "$Page/releases/download/$Tag"
        if ($env:PYRUNOPS_BASE_URL) {
            $Url = $env:PYRUNOPS_BASE_URL
        }
        $Source = "$Url/$Name.zip"
        $Expected = $Sha256
    }
    if ($DryRun) {
        Say "would install $Name from $Source"
        Say "would write $Dest"
        if (Test-Exists $Dest) {
            Say "would replace what is there, if it is unchanged since it was installed or with -Force"
        }
        Show-Others
        return
    }
    $CreatedLines = Get-Missing
    try {
        [void](New-Item -ItemType Directory -Path $Skills -Force)
    }
    catch {
        Fail "cannot create $Skills ($_)"
    }
    $LockStream = $null
    $Done = $false
    try {
        $LockStream = Open-Lock
        [void](New-Item -ItemType Directory -Path $Skills -Force)
        foreach ($Left in @(Get-ChildItem -LiteralPath $Base -Filter "$Key.staging.*" -Force -Directory)) {
            Restore-Interrupted $Left.FullName
        }
        [void](New-Item -ItemType Directory -Path $Stage)
        $New = Join-Path $Stage "unpacked\$Name"
        $Objection = Get-Objection
        $Backup = $false
        if ($Objection) {
            if (-not $Force) {
                Fail "$Objection; use -Force to replace it (a copy is kept)"
            }
            $Backup = $true
        }
        $OldVersion = ""
        if (Test-Ours) {
            $OldVersion = Get-ReceiptValue "version"
        }
        if ($OldVersion -and (-not $Objection) -and $Expected -and ((Get-ReceiptValue "archive") -ceq $Expected)) {
            Say "$Name $OldVersion is already installed in $Dest and unchanged"
            $Done = $true
            return
        }
        if ($From -and (-not $Archive)) {
            Copy-Checkout
        }
        else {
            if (-not $From) {
                $Archive = Get-Archive
                $Expected = (Get-FileHash -LiteralPath $Archive -Algorithm SHA256).Hash.ToLowerInvariant()
            }
            Expand-Skill $Archive
        }
        $NewFiles = @()
        if (Test-Path -LiteralPath $New) {
            $NewFiles = Get-Hashes $New
        }
        $NewVersion = Get-NewVersion
        if ($OldVersion -and (-not $Objection)) {
            $OldFiles = Get-ReceiptList $Dest
            if (($OldFiles -join "`n") -ceq ($NewFiles -join "`n")) {
                Say "$Name $OldVersion is already installed in $Dest and unchanged"
                $Done = $true
                return
            }
        }
        if (Test-Ours) {
            $CreatedLines = [string[]]@(Get-Content -LiteralPath (Join-Path $Dest $Receipt) -Encoding UTF8 | Where-Object { $_.StartsWith("created: ") })
        }
        Save-Receipt $CreatedLines
        if (Test-Ours) {
            Copy-Additions
            if (Merge-Additions) {
                $Backup = $true
            }
        }
        if ($Backup) {
            Save-Copy
        }
        Switch-Folders
        $Done = $true
        if ($OldVersion) {
            Say "updated $Name from $OldVersion to $NewVersion in $Dest"
        }
        else {
            Say "installed $Name $NewVersion in $Dest"
        }
        Show-Others
        Show-Python
        Say "  try it:    ask Claude Code: `"Use $Name to audit this repository.`""
        Say "             or run: python3 $Dest/scripts/audit.py PATH"
        Say "  remove it: $RemoveCommand"
    }
    finally {
        Close-Run $LockStream
        if (-not $Done) {
            Remove-Created $CreatedLines
        }
    }
}

# Whatever happened: no temporary folder and no lock stays.
function Close-Run($LockStream) {
    if ($null -eq $LockStream) {
        return
    }
    if (Test-Exists $Stage) {
        Restore-Interrupted $Stage
    }
    $LockStream.Dispose()
    Remove-Item -LiteralPath $Lock -Force -ErrorAction SilentlyContinue
}

# What an earlier removal left: a folder that holds somebody's files, and no skill.
function Test-OnlyAdditions {
    if ((-not (Test-Path -LiteralPath $Dest -PathType Container)) -or (Test-Link $Dest)) {
        return $false
    }
    return -not ((Test-Exists (Join-Path $Dest "SKILL.md")) -or (Test-Exists (Join-Path $Dest $Receipt)))
}

function Uninstall-Skill {
    if ($DryRun) {
        if (Test-Exists $Dest) {
            Say "would remove $Dest, except files that you added"
        }
        else {
            Say "there is no $Name in $Skills; nothing to remove"
        }
        return
    }
    if (-not (Test-Path -LiteralPath $Skills -PathType Container)) {
        Remove-Cache
        Say "there is no $Name in $Skills; nothing to remove"
        return
    }
    $CreatedLines = @()
    $LockStream = Open-Lock
    try {
        foreach ($Left in @(Get-ChildItem -LiteralPath $Base -Filter "$Key.staging.*" -Force -Directory)) {
            Restore-Interrupted $Left.FullName
        }
        if ((-not (Test-Exists $Dest)) -or (Test-OnlyAdditions)) {
            Remove-Cache
            Say "there is no $Name in $Skills; nothing to remove"
            return
        }
        [void](New-Item -ItemType Directory -Path $Stage)
        $Objection = Get-Objection
        if ($Objection -and (-not $Force)) {
            Fail "$Objection; use -Force to remove it (a copy is kept)"
        }
        if (Test-Ours) {
            $CreatedLines = @(Get-Content -LiteralPath (Join-Path $Dest $Receipt) -Encoding UTF8 | Where-Object { $_.StartsWith("created: ") })
            if (-not $Objection) {
                Copy-Additions
            }
        }
        if ($Objection) {
            Save-Copy
        }
        if (Test-Link $Dest) {
            Remove-Link $Dest
        }
        else {
            Move-Item -LiteralPath $Dest -Destination (Join-Path $Stage "removed")
        }
        $Keep = Join-Path $Stage "keep"
        if (Test-Path -LiteralPath $Keep) {
            Move-Item -LiteralPath $Keep -Destination $Dest
            Say "left the files that you added in $Dest"
        }
        Say "removed $Name from $Skills"
        Remove-Cache
    }
    finally {
        Close-Run $LockStream
    }
    Remove-Created $CreatedLines
}

function Test-Skill {
    if (-not (Test-Exists $Dest)) {
        Say "there is no $Name in $Skills"
        return
    }
    $Objection = Get-Objection
    if ($Objection) {
        Say "$Objection"
        return
    }
    Say "$Name $(Get-ReceiptValue 'version') is installed in $Dest and unchanged"
    Say "  source: $(Get-ReceiptValue 'source')"
    Show-Others
}

function Main {
    Set-StrictMode -Version 2.0
    $ErrorActionPreference = "Stop"
    $ProgressPreference = "SilentlyContinue"
    $Name = "python-runtime-operations"
    $InstallerVersion = "0.1.0"
    # The SHA-256 of the archive. `scripts/bundle.py build` fills it in for a release; the source tree leaves it empty.
    $Sha256 = ""
    $Page = "https://github.com/python-runtime-operations/python-runtime-operations"
    $Receipt = "INSTALLED.txt"
    $List = "FILES.sha256"
    if ($Help) {
        Show-Usage
        return
    }
    if ($Version) {
        Say "$InstallerVersion"
        return
    }
    if ($Dest -and ($Agent -or $Scope)) {
        Misused "-Dest says where already; leave out -Agent and -Scope"
    }
    if ($Ref -and $From) {
        Misused "-Ref downloads a release, -From does not; give one of them"
    }
    if (-not $Agent) {
        $Agent = "claude"
    }
    if (-not $Scope) {
        $Scope = "user"
    }
    if (@("claude", "agents", "gemini", "opencode") -cnotcontains $Agent) {
        Misused "-Agent is $Agent, expected claude, agents, gemini or opencode"
    }
    if (@("user", "project") -cnotcontains $Scope) {
        Misused "-Scope is $Scope, expected user or project"
    }
    if ($Ref -and ($Ref -notmatch "^[A-Za-z0-9._-]+$")) {
        Misused "-Ref is $Ref, expected a tag like v0.1.0"
    }
    $UserHome = $env:USERPROFILE
    if (-not $UserHome) {
        $UserHome = $HOME
    }
    if (-not $UserHome) {
        Fail "HOME is not set to an absolute path; set it or give -Dest"
    }
    $TargetOptions = ""
    if ($Dest) {
        $Dest = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Dest.TrimEnd("\", "/"))
        if ((Split-Path -Leaf $Dest) -cne $Name) {
            Misused "-Dest is $Dest, expected a folder named $Name (agents take the folder's name)"
        }
        $TargetOptions = " -Dest '$Dest'"
    }
    elseif ($Scope -eq "project") {
        $Dest = Join-Path (Get-Location).ProviderPath ".$Agent\skills\$Name"
        $TargetOptions = " -Agent $Agent -Scope project"
    }
    else {
        $Dest = Join-Path (Get-UserFolder $Agent) $Name
        if ($Agent -ne "claude") {
            $TargetOptions = " -Agent $Agent"
        }
    }
    $Skills = Split-Path -Parent $Dest
    # Temporary files and kept copies: beside the skills folder, where no agent searches for skills.
    $Base = Split-Path -Parent $Skills
    $Key = ".$Name." + (Split-Path -Leaf $Skills)
    $Lock = Join-Path $Base "$Key.lock"
    $Stage = Join-Path $Base "$Key.staging.$PID"
    $RemoveCommand = "& ([scriptblock]::Create((irm $Page/releases/latest/download/install.ps1))) -Uninstall$TargetOptions"
    if ($From -and (Test-Path -LiteralPath (Join-Path $From "install\install.ps1"))) {
        $RemoveCommand = "& '$(Join-Path $From 'install\install.ps1')' -Uninstall$TargetOptions"
    }
    if ($Check) {
        Test-Skill
        if ((-not (Test-Ours)) -or (Get-Objection)) {
            return 1
        }
        return
    }
    if ($Uninstall) {
        Uninstall-Skill
        return
    }
    Install-Skill
}

# Run as a file this sets the exit code; run by `irm | iex` it must not end the user's session.
function Start-Main {
    $Code = 0
    try {
        foreach ($Line in @(Main)) {
            if ($Line -is [int]) {
                $Code = $Line
            }
            else {
                Write-Output $Line
            }
        }
    }
    catch {
        $Code = 1
        if ($_.Exception.Data.Contains("ExitCode")) {
            $Code = $_.Exception.Data["ExitCode"]
        }
        [Console]::Error.WriteLine("error: " + $_.Exception.Message)
        if ($Code -eq 2) {
            [Console]::Error.WriteLine("-Help lists the options")
        }
    }
    if ($PSCommandPath) {
        exit $Code
    }
}

Start-Main
