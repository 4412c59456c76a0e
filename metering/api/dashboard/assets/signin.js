// A link that was opened on purpose goes on by itself; without scripts there is the button.
document.getElementById("by-code")?.submit();
